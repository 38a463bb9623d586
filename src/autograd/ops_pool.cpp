// SPDX-License-Identifier: Apache-2.0
// Pooling. Average and adaptive average pooling differ only in where their windows lie.
#include <algorithm>
#include <limits>
#include <memory>

#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/kernels/memory.h"
#include "octet/kernels/pool.h"

namespace octet {
namespace {

using detail::as_list;
using detail::require_activation;

// One direction, rows or columns, of a pool.
struct Axis {
  std::int64_t size, kernel, stride, padding, dilation;
};

// Number of windows. With ceil_mode the last may hang over the edge, but it starts within the image or its left
// padding.
std::int64_t pooled_size(const Axis& a, bool ceil_mode) {
  const std::int64_t span = a.size + 2 * a.padding - a.dilation * (a.kernel - 1) - 1 + (ceil_mode ? a.stride - 1 : 0);
  if (a.size < 1 || span < 0) return 0;
  const std::int64_t count = span / a.stride + 1;
  return ceil_mode && (count - 1) * a.stride >= a.size + a.padding ? count - 1 : count;
}

// [H', W'] for the sizes of x, or Error.
Size2 pooled_sizes(const char* op, const Tensor& x, const Axis& rows, const Axis& columns, bool ceil_mode) {
  const Size2 kernel(rows.kernel, columns.kernel), stride(rows.stride, columns.stride);
  const Size2 padding(rows.padding, columns.padding), dilation(rows.dilation, columns.dilation);
  require(
      std::min(kernel.h, kernel.w) >= 1 && std::min(stride.h, stride.w) >= 1 && std::min(dilation.h, dilation.w) >= 1,
      op, ": kernel_size, stride and dilation must be at least 1 (kernel_size ", kernel, ", stride ", stride,
      ", dilation ", dilation, ")");
  detail::require_not_huge(op, "kernel_size", kernel);
  detail::require_not_huge(op, "stride", stride);
  detail::require_not_huge(op, "dilation", dilation);
  require(std::min(padding.h, padding.w) >= 0 && padding.h <= kernel.h / 2 && padding.w <= kernel.w / 2, op,
          ": padding must be at least 0 and at most half the kernel_size (padding ", padding, ", kernel_size ", kernel,
          ")");
  const Size2 sizes(pooled_size(rows, ceil_mode), pooled_size(columns, ceil_mode));
  require(sizes.h > 0 && sizes.w > 0, op, ": the window does not fit into the image (x ", x.shape(), ", kernel_size ",
          kernel, ", padding ", padding, ", dilation ", dilation, ")");
  return sizes;
}

// True if a dilated window jumps over the whole image: it would be the maximum of nothing.
bool misses_the_image(const Axis& a, std::int64_t windows) {
  for (std::int64_t o = 0; o < windows; ++o) {
    const std::int64_t start = o * a.stride - a.padding;
    const std::int64_t first = start < 0 ? (-start + a.dilation - 1) / a.dilation : 0;
    if (first >= a.kernel || start + first * a.dilation >= a.size) return true;
  }
  return false;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const MaxPool2dParams& p) {
  require_activation("max_pool2d", "x", x);
  const Size2 stride = p.stride.value_or(p.kernel_size);
  const Axis rows{x.dim(2), p.kernel_size.h, stride.h, p.padding.h, p.dilation.h};
  const Axis columns{x.dim(3), p.kernel_size.w, stride.w, p.padding.w, p.dilation.w};
  const Size2 out = pooled_sizes("max_pool2d", x, rows, columns, p.ceil_mode);
  require(p.kernel_size.h * p.kernel_size.w <= std::numeric_limits<std::int32_t>::max(),
          "max_pool2d: kernel_size must hold less than 2^31 elements (kernel_size ", p.kernel_size, ")");
  require(!misses_the_image(rows, out.h) && !misses_the_image(columns, out.w),
          "max_pool2d: with this dilation a window sees padding only (x ", x.shape(), ", kernel_size ", p.kernel_size,
          ", padding ", p.padding, ", dilation ", p.dilation, ")");

  const kernels::MaxPoolShape s{x.dim(0), x.dim(1),      x.dim(2), x.dim(3),  out.h,
                                out.w,    p.kernel_size, stride,   p.padding, p.dilation};
  Tensor y = Tensor::empty({s.n, s.c, s.oh, s.ow});
  std::shared_ptr<const kernels::Buffer> winners;  // only if backward will ask
  if (grad_enabled() && x.requires_grad()) winners = std::make_shared<const kernels::Buffer>(s.winners_bytes());
  kernels::max_pool_forward(s, x.values().data(), y.mutable_values().data(), winners ? winners->data() : nullptr);

  const auto attributes = [&] {
    return Attributes{{"kernel_size", as_list(p.kernel_size)},
                      {"stride", as_list(stride)},
                      {"padding", as_list(p.padding)},
                      {"dilation", as_list(p.dilation)},
                      {"ceil_mode", p.ceil_mode}};
  };
  return record("max_pool2d", y, {x}, attributes, [s, winners](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::max_pool_backward(s, winners->data(), dy.values().data(), dx.mutable_values().data());
    return std::vector<Tensor>{dx};
  });
}

namespace {

std::vector<kernels::Window> windows(const Axis& a, std::int64_t count, bool count_padding) {
  std::vector<kernels::Window> all;
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t start = o * a.stride - a.padding;
    const std::int64_t padded_end = std::min(start + a.kernel, a.size + a.padding);
    const std::int64_t begin = std::max<std::int64_t>(start, 0), end = std::min(padded_end, a.size);
    all.push_back({begin, end, count_padding ? padded_end - start : end - begin});
  }
  return all;
}

std::vector<kernels::Window> adaptive_windows(std::int64_t size, std::int64_t count) {
  std::vector<kernels::Window> all;
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t begin = o * size / count, end = ((o + 1) * size + count - 1) / count;
    all.push_back({begin, end, end - begin});
  }
  return all;
}

Tensor average(const char* op, const Tensor& x, std::vector<kernels::Window> rows, std::vector<kernels::Window> columns,
               const DescribeOp& attributes) {
  const FloatEnvironment numbers;
  const kernels::AvgPoolShape s{x.dim(0), x.dim(1), x.dim(2), x.dim(3), std::move(rows), std::move(columns)};
  Tensor y = Tensor::empty({s.n, s.c, std::ssize(s.rows), std::ssize(s.columns)});
  kernels::avg_pool_forward(s, x.values().data(), y.mutable_values().data());
  return record(op, y, {x}, attributes, [s](const Tensor& dy, const NeedsGrad&) {
    Tensor dx = Tensor::empty({s.n, s.c, s.h, s.w});
    kernels::avg_pool_backward(s, dy.values().data(), dx.mutable_values().data());
    return std::vector<Tensor>{dx};
  });
}

}  // namespace

Tensor avg_pool2d(const Tensor& x, const AvgPool2dParams& p) {
  require_activation("avg_pool2d", "x", x);
  const Size2 stride = p.stride.value_or(p.kernel_size);
  const Axis rows{x.dim(2), p.kernel_size.h, stride.h, p.padding.h, 1};
  const Axis columns{x.dim(3), p.kernel_size.w, stride.w, p.padding.w, 1};
  const Size2 out = pooled_sizes("avg_pool2d", x, rows, columns, p.ceil_mode);
  return average("avg_pool2d", x, windows(rows, out.h, p.count_include_pad),
                 windows(columns, out.w, p.count_include_pad), [&] {
                   return Attributes{{"kernel_size", as_list(p.kernel_size)},
                                     {"stride", as_list(stride)},
                                     {"padding", as_list(p.padding)},
                                     {"ceil_mode", p.ceil_mode},
                                     {"count_include_pad", p.count_include_pad}};
                 });
}

Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output_size) {
  require_activation("adaptive_avg_pool2d", "x", x);
  require(output_size.h >= 1 && output_size.w >= 1, "adaptive_avg_pool2d: output_size must be at least 1 (output_size ",
          output_size, ")");
  detail::require_not_huge("adaptive_avg_pool2d", "output_size", output_size);
  require(x.dim(2) >= 1 && x.dim(3) >= 1, "adaptive_avg_pool2d: the image must not be empty (x ", x.shape(), ")");
  return average("adaptive_avg_pool2d", x, adaptive_windows(x.dim(2), output_size.h),
                 adaptive_windows(x.dim(3), output_size.w), [=] {
                   return Attributes{{"output_size", as_list(output_size)}};
                 });
}

}  // namespace octet
