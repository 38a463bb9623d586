// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_pool.h"

#include <algorithm>
#include <limits>

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/onnx_window.h"
#include "octet/graph/operator_families.h"
#include "octet/graph/window_options.h"

namespace octet {
namespace {

using onnx_format::List;
using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

constexpr std::int64_t kMostAverages = 1 << 20;  // in one direction: there is a record of each

// One direction, rows or columns, of a pool.
struct Axis {
  std::int64_t size, kernel, stride, dilation, begin, end;
};

// Number of windows, 0 if none fits. With ceil_mode the last may hang over the edge, but it starts within the image or
// its first padding.
std::int64_t pooled(const Axis& a, bool ceil_mode) {
  const std::int64_t span = a.size + a.begin + a.end - a.dilation * (a.kernel - 1) - 1 + (ceil_mode ? a.stride - 1 : 0);
  if (a.size < 1 || span < 0) return 0;
  const std::int64_t count = span / a.stride + 1;
  return ceil_mode && (count - 1) * a.stride >= a.size + a.begin ? count - 1 : count;
}

struct Axes {
  Axis rows, columns;
};

template <typename Params>
Axes axes_of(const char* op, const Shape& x, const Params& p, Size2 dilation) {
  require_image(op, "x", x);
  const Size2 stride = p.stride.value_or(p.kernel_size), end = p.end_padding.value_or(p.padding);
  require_at_least(op, "kernel_size", p.kernel_size, 1);
  require_at_least(op, "stride", stride, 1);
  require_at_least(op, "dilation", dilation, 1);
  for (const Size2 padding : {p.padding, end}) {
    require_at_least(op, "padding", padding, 0);
    require(padding.h < p.kernel_size.h && padding.w < p.kernel_size.w, op,
            ": padding must be smaller than the kernel (padding ", padding, ", kernel_size ", p.kernel_size, ")");
  }
  return {{x[2], p.kernel_size.h, stride.h, dilation.h, p.padding.h, end.h},
          {x[3], p.kernel_size.w, stride.w, dilation.w, p.padding.w, end.w}};
}

template <typename Params>
Size2 pooled_size(const char* op, const Shape& x, const Params& p, const Axes& axes) {
  const Size2 out(pooled(axes.rows, p.ceil_mode), pooled(axes.columns, p.ceil_mode));
  require(out.h > 0 && out.w > 0, op, ": the window does not fit into the image (x ", x, ", kernel_size ",
          p.kernel_size, ", padding ", p.padding, ", dilation ", Size2(axes.rows.dilation, axes.columns.dilation), ")");
  return out;
}

// Its first tap that is not before the image decides.
bool sees_nothing(const Axis& a, std::int64_t window) {
  const std::int64_t start = window * a.stride - a.begin;
  const std::int64_t tap = start < 0 ? (-start + a.dilation - 1) / a.dilation : 0;
  return tap >= a.kernel || start + tap * a.dilation >= a.size;
}

// A window that begins within the image sees its first pixel, so few need a look.
bool all_see(const Axis& a, std::int64_t windows) {
  for (std::int64_t o = 0; o < windows && o * a.stride < a.begin; ++o)
    if (sees_nothing(a, o)) return false;
  return windows == 0 || !sees_nothing(a, windows - 1);
}

std::vector<kernels::Window> averages(const Axis& a, std::int64_t count, bool count_padding) {
  require(count <= kMostAverages, ops::kAvgPool2d, ": averages in ", count, " rows or columns are not supported (",
          kMostAverages, " are)");
  std::vector<kernels::Window> all;
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t start = o * a.stride - a.begin, padded_end = std::min(start + a.kernel, a.size + a.end);
    const std::int64_t begin = std::max<std::int64_t>(start, 0), end = std::min(padded_end, a.size);
    require(begin < end, ops::kAvgPool2d, ": a window sees padding only");
    all.push_back({begin, end, count_padding ? padded_end - start : end - begin});
  }
  return all;
}

std::vector<kernels::Window> adaptive_averages(std::int64_t size, std::int64_t count) {
  require(count <= kMostAverages, ops::kAdaptiveAvgPool2d, ": averages in ", count,
          " rows or columns are not supported (", kMostAverages, " are)");
  std::vector<kernels::Window> all;
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t begin = o * size / count, end = ((o + 1) * size + count - 1) / count;
    all.push_back({begin, end, end - begin});
  }
  return all;
}

// What both kinds of pools with a window have.
template <typename Params>
Attributes window_attributes(const Params& p) {
  Attributes attributes{{"kernel_size", as_list(p.kernel_size)},
                        {"stride", as_list(p.stride.value_or(p.kernel_size))},
                        {"padding", as_list(p.padding)},
                        {"ceil_mode", p.ceil_mode}};
  if (p.end_padding) attributes["end_padding"] = as_list(*p.end_padding);
  return attributes;
}

template <typename Params>
Params window_params(const Attributes& attributes) {
  Params p;
  p.kernel_size = size_attribute(attributes, "kernel_size", p.kernel_size);
  p.stride = size_attribute(attributes, "stride", p.kernel_size);
  p.padding = size_attribute(attributes, "padding", p.padding);
  p.ceil_mode = attribute(attributes, "ceil_mode", p.ceil_mode);
  if (attributes.contains("end_padding")) p.end_padding = size_attribute(attributes, "end_padding", 0);
  return p;
}

void check_adaptive(const Shape& x, Size2 output_size) {
  require_image(ops::kAdaptiveAvgPool2d, "x", x);
  require_at_least(ops::kAdaptiveAvgPool2d, "output_size", output_size, 1);
  require(x[2] >= 1 && x[3] >= 1, "adaptive_avg_pool2d: the image must not be empty (x ", x, ")");
}

}  // namespace

// ---- max_pool2d -----------------------------------------------------------------------------------------------------

kernels::MaxPoolShape max_pool2d_shape(const Shape& x, const MaxPool2dParams& p) {
  const Axes axes = axes_of(ops::kMaxPool2d, x, p, p.dilation);
  const Size2 out = pooled_size(ops::kMaxPool2d, x, p, axes);
  require(p.kernel_size.h * p.kernel_size.w <= std::numeric_limits<std::int32_t>::max(),
          "max_pool2d: kernel_size must hold less than 2^31 elements (kernel_size ", p.kernel_size, ")");
  require(all_see(axes.rows, out.h) && all_see(axes.columns, out.w),
          "max_pool2d: with this dilation a window sees padding only (x ", x, ", kernel_size ", p.kernel_size,
          ", padding ", p.padding, ", dilation ", p.dilation, ")");
  return {x[0], x[1], x[2], x[3], out.h, out.w, p.kernel_size, p.stride.value_or(p.kernel_size), p.padding, p.dilation};
}

Attributes attributes_of(const MaxPool2dParams& p) {
  Attributes attributes = window_attributes(p);
  attributes["dilation"] = as_list(p.dilation);
  return attributes;
}

MaxPool2dParams max_pool2d_params(const Attributes& attributes) {
  auto p = window_params<MaxPool2dParams>(attributes);
  p.dilation = size_attribute(attributes, "dilation", p.dilation);
  return p;
}

namespace {

Attributes max_pool2d_defaults() { return attributes_of(MaxPool2dParams{.kernel_size = 1, .end_padding = Size2(0)}); }

std::vector<Shape> max_pool2d_result(const Operands& in) {
  const kernels::MaxPoolShape s = max_pool2d_shape(in.shape(0), max_pool2d_params(in.attributes()));
  return {{s.n, s.c, s.oh, s.ow}};
}

ReadNode read_max_pool(NodeReader& node) {
  ReadNode read{ops::kMaxPool2d, onnx_format::read_pool(node)};
  read.attributes["dilation"] = onnx_format::read_pair(node, "dilations", 1, 1);
  node.ignore("storage_order");  // of the indices, which are refused with the second output
  return read;
}

void write_max_pool(NodeWriter& node) {
  node.set_operator("MaxPool");
  node.add_inputs();
  onnx_format::write_pool(node);
  node.set("dilations", node.take("dilation", List{1, 1}));
}

}  // namespace

// ---- avg_pool2d -----------------------------------------------------------------------------------------------------

kernels::AvgPoolShape avg_pool2d_shape(const Shape& x, const AvgPool2dParams& p) {
  const Axes axes = axes_of(ops::kAvgPool2d, x, p, 1);
  const Size2 out = pooled_size(ops::kAvgPool2d, x, p, axes);
  return {x[0],
          x[1],
          x[2],
          x[3],
          averages(axes.rows, out.h, p.count_include_pad),
          averages(axes.columns, out.w, p.count_include_pad)};
}

Attributes attributes_of(const AvgPool2dParams& p) {
  Attributes attributes = window_attributes(p);
  attributes["count_include_pad"] = p.count_include_pad;
  return attributes;
}

AvgPool2dParams avg_pool2d_params(const Attributes& attributes) {
  auto p = window_params<AvgPool2dParams>(attributes);
  p.count_include_pad = attribute(attributes, "count_include_pad", p.count_include_pad);
  return p;
}

namespace {

Attributes avg_pool2d_defaults() { return attributes_of(AvgPool2dParams{.kernel_size = 1, .end_padding = Size2(0)}); }

std::vector<Shape> avg_pool2d_result(const Operands& in) {
  const AvgPool2dParams p = avg_pool2d_params(in.attributes());
  const Shape& x = in.shape(0);
  const Size2 out = pooled_size(ops::kAvgPool2d, x, p, axes_of(ops::kAvgPool2d, x, p, 1));
  return {{x[0], x[1], out.h, out.w}};
}

ReadNode read_average_pool(NodeReader& node) {
  ReadNode read{ops::kAvgPool2d, onnx_format::read_pool(node)};
  read.attributes["count_include_pad"] = node.integer("count_include_pad", 0) != 0;
  require(onnx_format::read_pair(node, "dilations", 1, 1) == List{1, 1}, "dilations are not supported");
  return read;
}

void write_average_pool(NodeWriter& node) {
  node.set_operator("AveragePool");
  node.add_inputs();
  onnx_format::write_pool(node);
  node.set("count_include_pad", std::int64_t{node.take("count_include_pad", true)});
}

}  // namespace

// ---- adaptive_avg_pool2d --------------------------------------------------------------------------------------------

kernels::AvgPoolShape adaptive_avg_pool2d_shape(const Shape& x, Size2 output_size) {
  check_adaptive(x, output_size);
  return {x[0], x[1], x[2], x[3], adaptive_averages(x[2], output_size.h), adaptive_averages(x[3], output_size.w)};
}

namespace {

Attributes adaptive_defaults() { return {{"output_size", as_list(1)}}; }

std::vector<Shape> adaptive_result(const Operands& in) {
  const Shape& x = in.shape(0);
  const Size2 size = size_attribute(in.attributes(), "output_size", 1);
  check_adaptive(x, size);
  return {{x[0], x[1], size.h, size.w}};
}

ReadNode read_global_average_pool(NodeReader&) { return {ops::kAdaptiveAvgPool2d, {{"output_size", as_list(1)}}}; }

void write_global_average_pool(NodeWriter& node) {
  require(node.take("output_size", List{}) == List{1, 1}, "output_size other than 1x1 has no operator in ONNX");
  node.set_operator("GlobalAveragePool");
  node.add_inputs();
}

}  // namespace

std::span<const Operator> pool_operators() {
  static const Operator rows[] = {
      {.name = ops::kMaxPool2d,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = max_pool2d_defaults,
       .shapes = max_pool2d_result,
       .quantized = QuantizedAs::kCommutes,
       .read_from = {{"MaxPool", read_max_pool}},
       .write = write_max_pool},
      {.name = ops::kAvgPool2d,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = avg_pool2d_defaults,
       .shapes = avg_pool2d_result,
       .quantized = QuantizedAs::kFloats,
       .read_from = {{"AveragePool", read_average_pool}},
       .write = write_average_pool},
      {.name = ops::kAdaptiveAvgPool2d,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = adaptive_defaults,
       .shapes = adaptive_result,
       .quantized = QuantizedAs::kFloats,
       .read_from = {{"GlobalAveragePool", read_global_average_pool}},
       .write = write_global_average_pool},
  };
  return rows;
}

}  // namespace octet
