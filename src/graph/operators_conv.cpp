// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_conv.h"

#include <algorithm>

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/onnx_window.h"
#include "octet/graph/operator_families.h"
#include "octet/graph/window_options.h"

namespace octet {
namespace {

using kernels::ConvShape;
using onnx_format::List;
using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

template <typename Params>
void check_window(const char* op, const Params& p) {
  require_at_least(op, "stride", p.stride, 1);
  require_at_least(op, "padding", p.padding, 0);
  require_at_least(op, "dilation", p.dilation, 1);
  require(p.groups >= 1 && p.groups <= kLargestOption, op, ": groups must be from 1 to ", kLargestOption, " (groups ",
          p.groups, ")");
}

void check_operands(const char* op, const Shape& x, const Shape& w) {
  require_image(op, "x", x);
  require(w.size() == 4, op, ": w must be 4-D (w ", w, ")");
  require(element_count(w) > 0, op, ": w ", w, " is empty");
}

void check_bias(const char* op, const Shape* bias, std::int64_t channels) {
  require(!bias || *bias == Shape{channels}, op, ": bias must have shape [", channels, "], got ",
          bias ? *bias : Shape{});
}

}  // namespace

// ---- conv2d ---------------------------------------------------------------------------------------------------------

ConvShape conv2d_shape(const Shape& x, const Shape& w, const Shape* bias, const Conv2dParams& p) {
  check_window(ops::kConv2d, p);
  check_operands(ops::kConv2d, x, w);
  const Size2 end = p.end_padding.value_or(p.padding);
  require_at_least(ops::kConv2d, "end_padding", end, 0);
  ConvShape s{.n = x[0],
              .ci = x[1],
              .h = x[2],
              .w = x[3],
              .co = w[0],
              .kh = w[2],
              .kw = w[3],
              .stride = p.stride,
              .padding = p.padding,
              .dilation = p.dilation,
              .groups = p.groups};
  require(s.co % p.groups == 0, "conv2d: groups ", p.groups, " must divide the output channels of w ", w);
  require(s.ci == w[1] * p.groups, "conv2d: w expects ", w[1] * p.groups, " input channels but x has ", s.ci, " (x ", x,
          ", w ", w, ", groups ", p.groups, ")");
  const Size2 window(p.dilation.h * (s.kh - 1) + 1, p.dilation.w * (s.kw - 1) + 1);
  const Size2 padded(s.h + p.padding.h + end.h, s.w + p.padding.w + end.w);
  require(padded.h >= window.h && padded.w >= window.w, "conv2d: the window ", window, " (kernel ", Size2(s.kh, s.kw),
          ", dilation ", p.dilation, ") is larger than the padded input ", padded, " (x ", x, ")");
  s.oh = (padded.h - window.h) / p.stride.h + 1;
  s.ow = (padded.w - window.w) / p.stride.w + 1;
  check_bias(ops::kConv2d, bias, s.co);
  return s;
}

Attributes attributes_of(const Conv2dParams& p) {
  Attributes attributes{{"stride", as_list(p.stride)},
                        {"padding", as_list(p.padding)},
                        {"dilation", as_list(p.dilation)},
                        {"groups", p.groups}};
  if (p.end_padding) attributes["end_padding"] = as_list(*p.end_padding);
  return attributes;
}

Conv2dParams conv2d_params(const Attributes& attributes) {
  Conv2dParams p;
  p.stride = size_attribute(attributes, "stride", p.stride);
  p.padding = size_attribute(attributes, "padding", p.padding);
  p.dilation = size_attribute(attributes, "dilation", p.dilation);
  p.groups = attribute(attributes, "groups", p.groups);
  if (attributes.contains("end_padding")) p.end_padding = size_attribute(attributes, "end_padding", 0);
  return p;
}

namespace {

Attributes conv2d_defaults() { return attributes_of(Conv2dParams{.end_padding = Size2(0)}); }

std::vector<Shape> conv2d_result(const Operands& in) {
  const ConvShape s = conv2d_shape(in.shape(0), in.shape(1), in.find(2), conv2d_params(in.attributes()));
  return {{s.n, s.co, s.oh, s.ow}};
}

ReadNode read_conv(NodeReader& node) {
  ReadNode read{ops::kConv2d, onnx_format::read_window(node)};
  onnx_format::add_padding(onnx_format::read_padding(node), read.attributes);
  return read;
}

void write_conv(NodeWriter& node) {
  node.set_operator("Conv");
  node.add_inputs();
  onnx_format::write_window(node);
}

}  // namespace

// ---- conv_transpose2d -----------------------------------------------------------------------------------------------

ConvShape conv_transpose2d_shape(const Shape& x, const Shape& w, const Shape* bias, const ConvTranspose2dParams& p) {
  check_window(ops::kConvTranspose2d, p);
  check_operands(ops::kConvTranspose2d, x, w);
  const auto fits = [](std::int64_t extra, std::int64_t stride, std::int64_t dilation) {
    return extra >= 0 && extra < std::max(stride, dilation);
  };
  require(fits(p.output_padding.h, p.stride.h, p.dilation.h) && fits(p.output_padding.w, p.stride.w, p.dilation.w),
          "conv_transpose2d: output_padding must be smaller than stride or dilation, got output_padding ",
          p.output_padding, ", stride ", p.stride, ", dilation ", p.dilation);
  ConvShape s{.n = x[0],
              .ci = w[1] * p.groups,
              .co = x[1],
              .kh = w[2],
              .kw = w[3],
              .oh = x[2],
              .ow = x[3],
              .stride = p.stride,
              .padding = p.padding,
              .dilation = p.dilation,
              .groups = p.groups};
  require(w[0] == s.co, "conv_transpose2d: w expects ", w[0], " input channels but x has ", s.co, " (x ", x, ", w ", w,
          ")");
  require(s.co % p.groups == 0, "conv_transpose2d: groups ", p.groups, " must divide the input channels of x ", x);
  s.h = (s.oh - 1) * p.stride.h - 2 * p.padding.h + p.dilation.h * (s.kh - 1) + p.output_padding.h + 1;
  s.w = (s.ow - 1) * p.stride.w - 2 * p.padding.w + p.dilation.w * (s.kw - 1) + p.output_padding.w + 1;
  require(s.h >= 1 && s.w >= 1, "conv_transpose2d: the output would be ", Size2(s.h, s.w), " (x ", x, ", w ", w,
          ", padding ", p.padding, ")");
  check_bias(ops::kConvTranspose2d, bias, s.ci);
  return s;
}

Attributes attributes_of(const ConvTranspose2dParams& p) {
  return {{"stride", as_list(p.stride)},
          {"padding", as_list(p.padding)},
          {"dilation", as_list(p.dilation)},
          {"output_padding", as_list(p.output_padding)},
          {"groups", p.groups}};
}

ConvTranspose2dParams conv_transpose2d_params(const Attributes& attributes) {
  ConvTranspose2dParams p;
  p.stride = size_attribute(attributes, "stride", p.stride);
  p.padding = size_attribute(attributes, "padding", p.padding);
  p.dilation = size_attribute(attributes, "dilation", p.dilation);
  p.output_padding = size_attribute(attributes, "output_padding", p.output_padding);
  p.groups = attribute(attributes, "groups", p.groups);
  return p;
}

namespace {

Attributes conv_transpose2d_defaults() { return attributes_of(ConvTranspose2dParams{}); }

std::vector<Shape> conv_transpose2d_result(const Operands& in) {
  const ConvShape s =
      conv_transpose2d_shape(in.shape(0), in.shape(1), in.find(2), conv_transpose2d_params(in.attributes()));
  return {{s.n, s.ci, s.h, s.w}};
}

ReadNode read_conv_transpose(NodeReader& node) {
  ReadNode read{ops::kConvTranspose2d, onnx_format::read_window(node)};
  require(node.integers("output_shape").empty(), "output_shape is not supported (output_padding is)");
  const onnx_format::Padding pads = onnx_format::read_padding(node);
  List extra = onnx_format::read_pair(node, "output_padding", 0, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    extra[i] += pads.begin[i] - pads.end[i];  // cutting less off the end is the same as adding there
    require(extra[i] >= 0, "pads that cut more off the end than off the beginning are not supported");
  }
  read.attributes["padding"] = pads.begin;
  read.attributes["output_padding"] = extra;
  return read;
}

void write_conv_transpose(NodeWriter& node) {
  node.set_operator("ConvTranspose");
  node.add_inputs();
  onnx_format::write_window(node);
  node.set("output_padding", node.take("output_padding", List{0, 0}));
}

}  // namespace

// ---- linear ---------------------------------------------------------------------------------------------------------

kernels::LinearShape linear_shape(const Shape& x, const Shape& w, const Shape* bias) {
  require(w.size() == 2, "linear: w must be [out, in], got ", w);
  require(!x.empty() && x.back() == w[1], "linear: w ", w, " expects x [..., ", w[1], "], got ", x);
  check_bias(ops::kLinear, bias, w[0]);
  require(element_count(w) > 0, "linear: w ", w, " is empty");
  return {element_count(x) / w[1], w[1], w[0]};
}

namespace {

Attributes linear_defaults() { return {{"transposed_weight", false}}; }

// With transposed_weight w is [in, out], as MatMul and Gemm have it; Gemm's bias may be [1, out].
std::vector<Shape> linear_result(const Operands& in) {
  Shape w = in.shape(1);
  if (attribute(in.attributes(), "transposed_weight", false)) std::ranges::reverse(w);
  Shape bias = in.find(2) ? *in.find(2) : Shape{};
  if (bias.size() == 2 && bias[0] == 1) bias.erase(bias.begin());
  Shape y = in.shape(0);
  y.back() = linear_shape(y, w, in.find(2) ? &bias : nullptr).out;
  return {y};
}

ReadNode read_gemm(NodeReader& node) {
  require(node.real("alpha", 1.0F) == 1.0F && node.real("beta", 1.0F) == 1.0F,
          "alpha and beta other than 1 are not supported");
  require(node.integer("transA", 0) == 0, "transA is not supported");
  return {ops::kLinear, {{"transposed_weight", node.integer("transB", 0) == 0}}};
}

ReadNode read_matmul(NodeReader& node) {
  node.require_inputs(2, 2);
  return {ops::kLinear, {{"transposed_weight", true}}};
}

void write_linear(NodeWriter& node) {
  const bool transposed = node.take("transposed_weight", false);
  const Value* const x = node.input(0);
  if (x && x->shape.size() > 2) {  // Gemm takes matrices only
    require(transposed && !node.input(2), "linear of more than 2 dimensions needs a transposed weight and no bias");
    node.set_operator("MatMul");
    return node.add_inputs();
  }
  node.set_operator("Gemm");
  node.add_inputs();
  node.set("transB", std::int64_t{transposed ? 0 : 1});
}

}  // namespace

std::span<const Operator> conv_operators() {
  static const Operator rows[] = {
      {.name = ops::kConv2d,
       .least_inputs = 2,
       .most_inputs = 3,
       .defaults = conv2d_defaults,
       .shapes = conv2d_result,
       .quantized = QuantizedAs::kLayer,
       .read_from = {{"Conv", read_conv}},
       .write = write_conv},
      {.name = ops::kConvTranspose2d,
       .least_inputs = 2,
       .most_inputs = 3,
       .defaults = conv_transpose2d_defaults,
       .shapes = conv_transpose2d_result,
       .quantized = QuantizedAs::kLayer,
       .read_from = {{"ConvTranspose", read_conv_transpose}},
       .write = write_conv_transpose},
      {.name = ops::kLinear,
       .least_inputs = 2,
       .most_inputs = 3,
       .defaults = linear_defaults,
       .shapes = linear_result,
       .quantized = QuantizedAs::kLayer,
       .read_from = {{"Gemm", read_gemm}, {"MatMul", read_matmul}},
       .write = write_linear},
  };
  return rows;
}

}  // namespace octet
