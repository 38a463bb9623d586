// SPDX-License-Identifier: Apache-2.0
// Pooling. Average and adaptive average pooling differ only in where their windows lie.
#include <memory>

#include "octet/autograd/body.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/graph/attributes.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/float/pool.h"

namespace octet {
namespace {

using detail::require_activation;

// PyTorch's rule, narrower than that of the op: a window has more of the image than of the padding.
void check_padding(const char* op, Size2 padding, Size2 kernel_size) {
  require(padding.h <= kernel_size.h / 2 && padding.w <= kernel_size.w / 2, op,
          ": padding must be at most half the kernel_size (padding ", padding, ", kernel_size ", kernel_size, ")");
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const MaxPool2dParams& params) {
  require_activation(ops::kMaxPool2d, "x", x);
  check_padding(ops::kMaxPool2d, params.padding, params.kernel_size);
  const kernels::MaxPoolShape s = max_pool2d_shape(x.shape(), params);
  Tensor y = Tensor::empty({s.n, s.c, s.oh, s.ow});
  std::shared_ptr<const kernels::Buffer> winners;  // only if backward will ask
  if (grad_enabled() && x.requires_grad()) winners = std::make_shared<const kernels::Buffer>(s.winners_bytes());
  kernels::max_pool_forward(s, x.values().data(), detail::fresh_values(y), winners ? winners->data() : nullptr);

  const auto attributes = [&] { return attributes_of(params); };
  return record(ops::kMaxPool2d, y, {x}, attributes, [s, winners](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::max_pool_backward(s, winners->data(), dy.values().data(), detail::fresh_values(dx));
    return std::vector<Tensor>{dx};
  });
}

namespace {

Tensor average(const char* op, const Tensor& x, const kernels::AvgPoolShape& s, const DescribeOp& attributes) {
  const FloatEnvironment numbers;
  Tensor y = Tensor::empty({s.n, s.c, std::ssize(s.rows), std::ssize(s.columns)});
  kernels::avg_pool_forward(s, x.values().data(), detail::fresh_values(y));
  return record(op, y, {x}, attributes, [s](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::avg_pool_backward(s, dy.values().data(), detail::fresh_values(dx));
    return std::vector<Tensor>{dx};
  });
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const AvgPool2dParams& params) {
  require_activation(ops::kAvgPool2d, "x", x);
  check_padding(ops::kAvgPool2d, params.padding, params.kernel_size);
  return average(ops::kAvgPool2d, x, avg_pool2d_shape(x.shape(), params), [&] { return attributes_of(params); });
}

Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output_size) {
  require_activation(ops::kAdaptiveAvgPool2d, "x", x);
  return average(ops::kAdaptiveAvgPool2d, x, adaptive_avg_pool2d_shape(x.shape(), output_size), [=] {
    return Attributes{{"output_size", as_list(output_size)}};
  });
}

namespace detail {

std::span<const NamedExecution> pool_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kMaxPool2d,
       [](std::span<const Tensor> in, const Attributes& a) { return max_pool2d(in[0], max_pool2d_params(a)); }},
      {ops::kAvgPool2d,
       [](std::span<const Tensor> in, const Attributes& a) { return avg_pool2d(in[0], avg_pool2d_params(a)); }},
      {ops::kAdaptiveAvgPool2d,
       [](std::span<const Tensor> in, const Attributes& a) {
         return adaptive_avg_pool2d(in[0], size_attribute(a, "output_size", 1));
       }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
