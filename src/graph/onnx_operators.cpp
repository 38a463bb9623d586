// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "octet/base/error.h"

namespace octet::onnx_format {
namespace {

using List = std::vector<std::int64_t>;
using onnx::AttributeProto;

constexpr std::int64_t kLargestOption = std::int64_t{1} << 20;  // of strides, paddings, ...: products stay in range

// Two numbers, or `fallback` twice.
List pair(NodeReader& node, const char* name, std::int64_t fallback, std::int64_t least) {
  List values = node.integers(name);
  if (values.empty()) values = {fallback, fallback};
  require(values.size() == 2, "attribute ", name, " must have 2 values for images, has ", values.size());
  for (const std::int64_t value : values)
    require(value >= least && value <= kLargestOption, "attribute ", name, " is out of range: ", value);
  return values;
}

struct Padding {
  List begin, end;
};

Padding padding(NodeReader& node) {
  const std::string auto_pad = node.string("auto_pad", "NOTSET");
  require(auto_pad == "NOTSET" || auto_pad == "VALID", "auto_pad ", auto_pad, " is not supported (explicit pads are)");
  const List pads = node.integers("pads");
  if (auto_pad == "VALID" || pads.empty()) return {{0, 0}, {0, 0}};
  require(pads.size() == 4, "attribute pads must have 4 values for images, has ", pads.size());
  for (const std::int64_t value : pads)
    require(value >= 0 && value <= kLargestOption, "attribute pads is out of range: ", value);
  return {{pads[0], pads[1]}, {pads[2], pads[3]}};
}

void add_padding(const Padding& padding, Attributes& attributes) {
  attributes["padding"] = padding.begin;
  if (padding.end != padding.begin) attributes["end_padding"] = padding.end;
}

Attributes window_options(NodeReader& node) {
  const List kernel = node.integers("kernel_shape");  // repeats what the weight's shape says
  require(kernel.empty() || kernel.size() == 2, "only 2-D convolutions are supported, kernel_shape has ", kernel.size(),
          " values");
  const std::int64_t groups = node.integer("group", 1);
  require(groups >= 1 && groups <= kLargestOption, "attribute group is out of range: ", groups);
  return {{"stride", pair(node, "strides", 1, 1)}, {"dilation", pair(node, "dilations", 1, 1)}, {"groups", groups}};
}

ReadOperator conv(NodeReader& node) {
  ReadOperator read{"conv2d", window_options(node), 2, 3};
  add_padding(padding(node), read.attributes);
  return read;
}

ReadOperator conv_transpose(NodeReader& node) {
  ReadOperator read{"conv_transpose2d", window_options(node), 2, 3};
  require(node.integers("output_shape").empty(), "output_shape is not supported (output_padding is)");
  const Padding pads = padding(node);
  List extra = pair(node, "output_padding", 0, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    extra[i] += pads.begin[i] - pads.end[i];  // cutting less off the end is the same as adding there
    require(extra[i] >= 0, "pads that cut more off the end than off the beginning are not supported");
  }
  read.attributes["padding"] = pads.begin;
  read.attributes["output_padding"] = extra;
  return read;
}

ReadOperator gemm(NodeReader& node) {
  require(node.real("alpha", 1.0F) == 1.0F && node.real("beta", 1.0F) == 1.0F,
          "alpha and beta other than 1 are not supported");
  require(node.integer("transA", 0) == 0, "transA is not supported");
  return {"linear", {{"transposed_weight", node.integer("transB", 0) == 0}}, 2, 3};
}

ReadOperator matmul(NodeReader&) { return {"linear", {{"transposed_weight", true}}, 2, 2}; }

ReadOperator relu(NodeReader&) { return {"relu", {}, 1, 1}; }

double bound(const NodeReader& node, int input, double fallback) {
  if (!node.has_input(input)) return fallback;
  const Value* const value = node.constant(input);
  const auto* const values = value ? std::get_if<std::vector<float>>(value->data.get()) : nullptr;
  require(values && values->size() == 1, "min and max must be constant float scalars");
  return static_cast<double>(values->front());
}

ReadOperator clip(NodeReader& node) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double min = bound(node, 1, -infinity), max = bound(node, 2, infinity);
  require(min <= max, "min ", min, " must not be above max ", max);
  return {"clip", {{"min", min}, {"max", max}}, 1, 3};
}

ReadOperator add(NodeReader&) { return {"add", {}, 2, 2}; }

Attributes pool_options(NodeReader& node) {
  const List kernel = node.integers("kernel_shape");
  require(kernel.size() == 2, "kernel_shape must have 2 values for images, has ", kernel.size());
  const bool ceil_mode = node.integer("ceil_mode", 0) != 0;
  Attributes options{{"kernel_size", pair(node, "kernel_shape", 1, 1)},
                     {"stride", pair(node, "strides", 1, 1)},
                     {"ceil_mode", ceil_mode}};
  add_padding(padding(node), options);
  return options;
}

ReadOperator max_pool(NodeReader& node) {
  ReadOperator read{"max_pool2d", pool_options(node), 1, 1};
  read.attributes["dilation"] = pair(node, "dilations", 1, 1);
  node.ignore("storage_order");  // of the indices, which are refused with the second output
  return read;
}

ReadOperator average_pool(NodeReader& node) {
  ReadOperator read{"avg_pool2d", pool_options(node), 1, 1};
  read.attributes["count_include_pad"] = node.integer("count_include_pad", 0) != 0;
  require(pair(node, "dilations", 1, 1) == List{1, 1}, "dilations are not supported");
  return read;
}

ReadOperator global_average_pool(NodeReader&) { return {"adaptive_avg_pool2d", {{"output_size", List{1, 1}}}, 1, 1}; }

ReadOperator flatten(NodeReader& node) {
  const std::int64_t axis = node.integer("axis", 1);
  require(axis == 1, "axis must be 1, got ", axis);
  return {"flatten", {{"start_dim", std::int64_t{1}}, {"end_dim", std::int64_t{-1}}}, 1, 1};
}

ReadOperator reshape(NodeReader& node) {
  require(node.integer("allowzero", 0) == 0, "allowzero is not supported");
  const Value* const shape = node.constant(1);
  const auto* const sizes = shape ? std::get_if<List>(shape->data.get()) : nullptr;
  require(sizes && !sizes->empty() && sizes->size() <= 4, "the shape must be a constant of 1 to 4 int64 values");
  for (const std::int64_t size : *sizes)
    require(size >= -1 && size <= std::numeric_limits<std::int32_t>::max(), "the shape is out of range: ", *sizes);
  require(std::ranges::count(*sizes, -1) <= 1, "the shape ", *sizes, " has more than one -1");
  return {"reshape", {{"shape", *sizes}}, 1, 2};
}

ReadOperator concat(NodeReader& node) { return {"cat", {{"dim", node.integer("axis", 1)}}, 1, 64}; }

ReadOperator batch_normalization(NodeReader& node) {
  node.ignore("momentum");
  node.ignore("spatial");
  require(node.integer("training_mode", 0) == 0, "training_mode is not supported");
  const float eps = node.real("epsilon", 1e-5F);
  require(std::isfinite(eps) && eps >= 0.0F, "epsilon must be finite and not negative, got ", eps);
  return {"batch_norm", {{"eps", static_cast<double>(eps)}}, 5, 5};
}

// QuantizeLinear and DequantizeLinear.
ReadOperator quantization(const char* op, NodeReader& node) {
  require(node.integer("block_size", 0) == 0, "block_size is not supported");
  require(node.integer("output_dtype", 0) == 0, "output_dtype is not supported");
  require(node.integer("precision", 0) == 0, "precision is not supported");
  node.ignore("saturate");  // of 8-bit floats
  return {op, {{"axis", node.integer("axis", 1)}}, 2, 3};
}

ReadOperator quantize(NodeReader& node) { return quantization("quantize", node); }
ReadOperator dequantize(NodeReader& node) { return quantization("dequantize", node); }
ReadOperator identity(NodeReader&) { return {"identity", {}, 1, 1}; }

struct Operator {
  const char* name;
  ReadOperator (*read)(NodeReader&);
};
constexpr Operator kOperators[] = {
    {"Add", add},
    {"AveragePool", average_pool},
    {"BatchNormalization", batch_normalization},
    {"Clip", clip},
    {"Concat", concat},
    {"Conv", conv},
    {"ConvTranspose", conv_transpose},
    {"DequantizeLinear", dequantize},
    {"Flatten", flatten},
    {"Gemm", gemm},
    {"GlobalAveragePool", global_average_pool},
    {"Identity", identity},
    {"MatMul", matmul},
    {"MaxPool", max_pool},
    {"QuantizeLinear", quantize},
    {"Relu", relu},
    {"Reshape", reshape},
};

}  // namespace

const AttributeProto* NodeReader::find(const char* name, AttributeProto::AttributeType type) {
  asked_.emplace_back(name);
  const auto found =
      std::ranges::find_if(proto_.attribute(), [&](const AttributeProto& a) { return a.name() == name; });
  if (found == proto_.attribute().end()) return nullptr;
  require(found->type() == type, "attribute ", name, " has type ", AttributeProto::AttributeType_Name(found->type()),
          ", not ", AttributeProto::AttributeType_Name(type));
  return &*found;
}

std::int64_t NodeReader::integer(const char* name, std::int64_t fallback) {
  const AttributeProto* const found = find(name, AttributeProto::INT);
  return found ? found->i() : fallback;
}

float NodeReader::real(const char* name, float fallback) {
  const AttributeProto* const found = find(name, AttributeProto::FLOAT);
  return found ? found->f() : fallback;
}

std::string NodeReader::string(const char* name, const char* fallback) {
  const AttributeProto* const found = find(name, AttributeProto::STRING);
  return found ? found->s() : fallback;
}

std::vector<std::int64_t> NodeReader::integers(const char* name) {
  const AttributeProto* const found = find(name, AttributeProto::INTS);
  if (!found) return {};
  require(found->ints_size() <= 64, "attribute ", name, " has ", found->ints_size(), " values");
  return {found->ints().begin(), found->ints().end()};
}

void NodeReader::ignore(const char* name) { asked_.emplace_back(name); }

void NodeReader::finish() const {
  for (const AttributeProto& attribute : proto_.attribute())
    require(std::ranges::count(asked_, attribute.name()) > 0, "attribute ", attribute.name(), " is not supported");
}

ReadOperator read_operator(NodeReader& node) {
  for (const Operator& known : kOperators)
    if (node.op() == known.name) {
      ReadOperator read = known.read(node);
      node.finish();
      return read;
    }
  fail("operator ", node.op(), " is not supported");
}

}  // namespace octet::onnx_format
