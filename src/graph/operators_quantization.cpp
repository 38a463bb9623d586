// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_quantization.h"

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/operator_families.h"

namespace octet {

using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

namespace {

// ---- QuantizeLinear, DequantizeLinear -------------------------------------------------------------------------------

template <const char* const& kName>
std::vector<Shape> linear_quantization(const Operands& in) {
  const Shape &x = in.shape(0), &scale = in.shape(1);
  std::int64_t axis = attribute(in.attributes(), "axis", std::int64_t{1});
  if (axis < 0) axis += std::ssize(x);
  const bool one = element_count(scale) == 1;
  require(
      one || (scale.size() == 1 && axis >= 0 && axis < std::ssize(x) && scale[0] == x[static_cast<std::size_t>(axis)]),
      kName, ": the scale ", scale, " does not fit ", x, " along axis ", axis);
  require(!in.find(2) || element_count(*in.find(2)) == element_count(scale), kName, ": scale ", scale,
          " and zero point ", in.find(2) ? *in.find(2) : Shape{}, " do not fit each other");
  return {x};
}

template <const char* const& kName>
ReadNode read_linear_quantization(NodeReader& node) {
  require(node.integer("block_size", 0) == 0, "block_size is not supported");
  require(node.integer("output_dtype", 0) == 0, "output_dtype is not supported");
  require(node.integer("precision", 0) == 0, "precision is not supported");
  node.ignore("saturate");  // of 8-bit floats
  return {kName, {{"axis", node.integer("axis", 1)}}};
}

constexpr const char* kQuantizeLinear = "QuantizeLinear";
constexpr const char* kDequantizeLinear = "DequantizeLinear";

template <const char* const& kName>
void write_linear_quantization(NodeWriter& node) {
  onnx_format::write_plain<kName>(node);
  const Value* const scale = node.input(1);  // the axis has a meaning only for scales per channel
  const std::int64_t axis = node.take("axis", std::int64_t{1});
  if (scale && scale->shape.size() == 1) node.set("axis", axis);
}

// ---- the nodes of Huawei's AMCT -------------------------------------------------------------------------------------

std::vector<Shape> same(const Operands& in) { return {in.shape(0)}; }

void write_ascend_quant(NodeWriter& node) {
  node.set_operator("AscendQuant");
  node.add_inputs();
  node.set("scale", static_cast<float>(node.take("scale", 1.0)));
  node.set("offset", static_cast<float>(node.take("offset", 0.0)));
  node.set("dst_type", node.take("dst_type", std::string("INT8")));
}

constexpr const char* kOnnxAscendDequant = "AscendDequant";

// ---- rows -----------------------------------------------------------------------------------------------------------

Attributes none() { return {}; }
Attributes axis_defaults() { return {{"axis", std::int64_t{1}}}; }
Attributes ascend_quant_defaults() { return {{"scale", 1.0}, {"offset", 0.0}, {"dst_type", std::string("INT8")}}; }
Attributes activation_defaults() { return {{"bits", std::int64_t{8}}, {"scale", 1.0}, {"offset", std::int64_t{0}}}; }
Attributes weight_defaults() { return {{"bits", std::int64_t{8}}, {"channel_wise", false}}; }

Operator row(const char* name, std::size_t least, std::size_t most, Attributes (*defaults)()) {
  return {.name = name,
          .least_inputs = least,
          .most_inputs = most,
          .defaults = defaults,
          .shapes = same,
          .quantized = QuantizedAs::kQuantizer};
}

std::vector<Operator> make_rows() {
  constexpr const char* kOnTape = "quantizers do it: ulq_activation, fake_quantize_weight";
  constexpr const char* kInFiles = "quantize and dequantize stand for it in files";
  constexpr const char* kNpu = "for one NPU, whose tools read it";
  Operator quantize = row(ops::kQuantize, 2, 3, axis_defaults), dequantize = row(ops::kDequantize, 2, 3, axis_defaults);
  quantize.shapes = linear_quantization<ops::kQuantize>;
  quantize.read_from = {{kQuantizeLinear, read_linear_quantization<ops::kQuantize>, 10}};
  quantize.write = write_linear_quantization<kQuantizeLinear>;
  dequantize.shapes = linear_quantization<ops::kDequantize>;
  dequantize.read_from = {{kDequantizeLinear, read_linear_quantization<ops::kDequantize>, 10}};
  dequantize.write = write_linear_quantization<kDequantizeLinear>;
  quantize.no_tensors = dequantize.no_tensors = kOnTape;

  Operator ascend_quant = row(ops::kAscendQuant, 1, 1, ascend_quant_defaults);
  Operator ascend_dequant = row(ops::kAscendDequant, 2, 2, none);
  ascend_quant.write = write_ascend_quant;
  ascend_dequant.write = onnx_format::write_plain<kOnnxAscendDequant>;
  for (Operator* const op : {&ascend_quant, &ascend_dequant}) op->no_tensors = op->not_deployed = kNpu;

  Operator activation = row(ops::kUlqActivation, 1, 3, activation_defaults);
  Operator weight = row(ops::kFakeQuantizeWeight, 2, 2, weight_defaults);
  for (Operator* const op : {&activation, &weight}) {
    op->no_tensors = "its grid is the quantizer's";
    op->not_deployed = kInFiles;
  }
  return {quantize, dequantize, ascend_quant, ascend_dequant, activation, weight};
}

}  // namespace

std::span<const Operator> quantization_operators() {
  static const std::vector<Operator> rows = make_rows();
  return rows;
}

}  // namespace octet
