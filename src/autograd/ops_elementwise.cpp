// SPDX-License-Identifier: Apache-2.0
// Element-wise ops. relu and add are in ops_fused.cpp.
#include <algorithm>

#include "octet/autograd/body.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/kernels/float/elementwise.h"
#include "octet/kernels/float/reduce.h"

namespace octet {
namespace {

using detail::empty_like;
using detail::ShapeAndLayout;

// The operand whose shape the result has.
const Tensor& wider(const char* op, const Tensor& a, const Tensor& b) {
  detail::require_defined(op, "a", a);
  detail::require_defined(op, "b", b);
  require(a.shape() == b.shape() || a.size() == 1 || b.size() == 1, op,
          ": shapes must be equal, or one operand have one element (a ", a.shape(), ", b ", b.shape(), ")");
  require(a.layout() == b.layout() || a.size() == 1 || b.size() == 1, op,
          ": one operand is an activation (channels-last), the other a row-major tensor (shape ", a.shape(), ")");
  const bool b_wider = a.size() != b.size() ? a.size() == 1 : b.rank() > a.rank();
  return b_wider ? b : a;
}

}  // namespace

Tensor apply_function(kernels::Function f, const Tensor& x, float a) {
  const FloatEnvironment numbers;
  const Operator& op = operator_of(f);
  detail::require_defined(op.name, "x", x);
  Tensor y = empty_like(x);
  kernels::function_forward(f, a, x.size(), x.values().data(), detail::fresh_values(y));
  const auto attributes = [&] {
    return op.function_option ? Attributes{{op.function_option, static_cast<double>(a)}} : Attributes{};
  };
  // Keeping the result costs nothing: the next op keeps it, too.
  const bool reads_result = kernels::gradient_reads_result(f, a);
  const Saved from = reads_result ? Saved(op.name, "its result", y.detach()) : Saved(op.name, "x", x);
  return record(op.name, y, {x}, attributes, [f, a, from](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = from.empty_like();
    kernels::function_backward(f, a, dy.size(), from.data(), dy.values().data(), detail::fresh_values(dx));
    return std::vector<Tensor>{dx};
  });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  const FloatEnvironment numbers;
  Tensor y = empty_like(wider(ops::kSub, a, b));
  const std::int64_t n = y.size();
  float* const to = detail::fresh_values(y);
  if (a.size() == b.size())
    kernels::difference(n, 1.0F, a.values().data(), b.values().data(), to);
  else if (b.size() == 1)
    kernels::scale_and_shift(n, 1.0F, -b.item(), a.values().data(), to);
  else
    kernels::scale_and_shift(n, -1.0F, a.item(), b.values().data(), to);

  return record(ops::kSub, y, {a, b}, {},
                [a = ShapeAndLayout(a), b = ShapeAndLayout(b)](const Tensor& dy, const NeedsGrad& needs) {
                  const std::int64_t size = dy.size();
                  const float* const from = dy.values().data();
                  std::vector<Tensor> grads(2);
                  if (needs[0]) grads[0] = a.shape == dy.shape() ? dy : a.filled(kernels::sum(size, from));
                  if (needs[1] && b.shape == dy.shape()) {
                    grads[1] = b.empty();
                    kernels::scale(size, -1.0F, from, detail::fresh_values(grads[1]));
                  } else if (needs[1]) {
                    grads[1] = b.filled(-kernels::sum(size, from));
                  }
                  return grads;
                });
}

namespace {

// d(a * b)/d(a) for the operand at `a`: dy * b, summed if a has one element and the result more.
Tensor factor_gradient(const ShapeAndLayout& a, const Tensor& b, const Tensor& dy) {
  const std::int64_t n = dy.size();
  if (b.size() == 1 && n == element_count(a.shape)) {
    Tensor da = a.empty();
    kernels::scale(n, b.item(), dy.values().data(), detail::fresh_values(da));
    return da;
  }
  if (a.shape != dy.shape()) return a.filled(kernels::dot(n, dy.values().data(), b.values().data()));
  Tensor da = a.empty();
  kernels::product(n, dy.values().data(), b.values().data(), detail::fresh_values(da));
  return da;
}

}  // namespace

Tensor mul(const Tensor& a, const Tensor& b) {
  const FloatEnvironment numbers;
  Tensor y = empty_like(wider(ops::kMul, a, b));
  const std::int64_t n = y.size();
  float* const to = detail::fresh_values(y);
  if (a.size() == b.size())
    kernels::product(n, a.values().data(), b.values().data(), to);
  else if (b.size() == 1)
    kernels::scale(n, b.item(), a.values().data(), to);
  else
    kernels::scale(n, a.item(), b.values().data(), to);

  const Saved a_read(ops::kMul, "a", b.requires_grad() ? a : Tensor());
  const Saved b_read(ops::kMul, "b", a.requires_grad() ? b : Tensor());
  return record(
      ops::kMul, y, {a, b}, {},
      [a_read, b_read, a = ShapeAndLayout(a), b = ShapeAndLayout(b)](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(2);
        if (needs[0]) grads[0] = factor_gradient(a, b_read.get(), dy);
        if (needs[1]) grads[1] = factor_gradient(b, a_read.get(), dy);
        return grads;
      });
}

namespace detail {

std::span<const NamedExecution> elementwise_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kSub, [](std::span<const Tensor> in, const Attributes&) { return sub(in[0], in[1]); }},
      {ops::kMul, [](std::span<const Tensor> in, const Attributes&) { return mul(in[0], in[1]); }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
