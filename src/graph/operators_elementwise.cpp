// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_elementwise.h"

#include <algorithm>
#include <cmath>

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/operator_families.h"

namespace octet {

using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  Shape y(std::max(a.size(), b.size()));
  for (std::size_t i = 1; i <= y.size(); ++i) {
    const std::int64_t m = i <= a.size() ? a[a.size() - i] : 1, n = i <= b.size() ? b[b.size() - i] : 1;
    require(m == n || m == 1 || n == 1, op, ": shapes must be equal, or sizes be 1: ", a, " and ", b);
    y[y.size() - i] = m == 1 ? n : m;
  }
  return y;
}

ClipParams clip_params(const Attributes& attributes) {
  const ClipParams p{attribute(attributes, "min", -HUGE_VAL), attribute(attributes, "max", HUGE_VAL)};
  check_clip(p);
  return p;
}

Attributes attributes_of(const ClipParams& params) { return {{"min", params.min}, {"max", params.max}}; }

void check_clip(const ClipParams& params) {
  require(params.min <= params.max, "clip: min ", params.min, " must not be above max ", params.max);
}

namespace {

std::vector<Shape> same(const Operands& in) { return {in.shape(0)}; }

template <const char* const& kName>
std::vector<Shape> broadcast(const Operands& in) {
  return {broadcast_shape(kName, in.shape(0), in.shape(1))};
}

// Plain operators of ONNX.
constexpr const char* kOnnxAdd = "Add";
constexpr const char* kOnnxIdentity = "Identity";
constexpr const char* kOnnxMul = "Mul";
constexpr const char* kOnnxRelu = "Relu";
constexpr const char* kOnnxRound = "Round";
constexpr const char* kOnnxSub = "Sub";

template <const char* const& kName>
ReadNode read_plain(NodeReader&) {
  return {kName};
}

double bound(const NodeReader& node, int input, double fallback) {
  if (!node.has_input(input)) return fallback;
  const Value* const value = node.constant(input);
  const auto* const values = value ? std::get_if<std::vector<float>>(value->data.get()) : nullptr;
  require(values && values->size() == 1, "min and max must be constant float scalars");
  return static_cast<double>(values->front());
}

ReadNode read_clip(NodeReader& node) {
  node.require_inputs(1, 3);
  const double min = bound(node, 1, -HUGE_VAL), max = bound(node, 2, HUGE_VAL);
  require(min <= max, "min ", min, " must not be above max ", max);
  return {ops::kClip, {{"min", min}, {"max", max}}, 1};
}

void write_as_clip(NodeWriter& node, double min, double max) {
  node.set_operator("Clip");
  node.add_inputs();
  node.add_constant("min", {}, std::vector<float>{static_cast<float>(min)});
  node.add_constant("max", {}, std::vector<float>{static_cast<float>(max)});
}
void write_clip(NodeWriter& node) {
  const double min = node.take("min", -HUGE_VAL), max = node.take("max", HUGE_VAL);
  write_as_clip(node, min, max);
}
void write_relu6(NodeWriter& node) { write_as_clip(node, 0.0, 6.0); }

constexpr float kSixth = 1.0F / 6.0F;

ReadNode read_hardsigmoid(NodeReader& node) {
  const float alpha = node.real("alpha", 0.2F), beta = node.real("beta", 0.5F);
  require(std::fabs(alpha - kSixth) < 1e-6F && beta == 0.5F, "alpha ", alpha, " and beta ", beta,
          " are not supported (1/6 and 0.5 are)");
  return {"hardsigmoid"};
}
void write_hardsigmoid(NodeWriter& node) {
  node.set_operator("HardSigmoid");
  node.add_inputs();
  node.set("alpha", kSixth);
  node.set("beta", 0.5F);
}

ReadNode read_leaky_relu(NodeReader& node) {
  return {"leaky_relu", {{"negative_slope", static_cast<double>(node.real("alpha", 0.01F))}}};
}
void write_leaky_relu(NodeWriter& node) {
  node.set_operator("LeakyRelu");
  node.add_inputs();
  node.set("alpha", static_cast<float>(node.take("negative_slope", 0.01)));
}

Attributes none() { return {}; }
Attributes clip_defaults() { return {{"min", -HUGE_VAL}, {"max", HUGE_VAL}}; }
Attributes leaky_relu_defaults() { return {{"negative_slope", 0.01}}; }
Attributes dropout_defaults() { return {{"p", 0.5}}; }

Operator unary(const char* name, Attributes (*defaults)() = none) {
  return {.name = name,
          .least_inputs = 1,
          .most_inputs = 1,
          .defaults = defaults,
          .shapes = same,
          .quantized = QuantizedAs::kFunction};
}

// Its executions are those of kernels/float/function.h.
Operator function(const char* name, kernels::Function f) {
  Operator op = unary(name);
  op.function = f;
  return op;
}

Operator of_two(const char* name, std::vector<Shape> (*shapes)(const Operands&), void (*write)(NodeWriter&)) {
  return {.name = name,
          .least_inputs = 2,
          .most_inputs = 2,
          .defaults = none,
          .shapes = shapes,
          .quantized = QuantizedAs::kFloats,
          .write = write};
}

constexpr const char* kNoStep = "no step of a plan computes it yet";

// Functions of one value.
std::vector<Operator> function_rows() {
  constexpr const char* kLibm = "its bits are those of the C library's exp, which differ from machine to machine";
  Operator hardsigmoid = function("hardsigmoid", kernels::Function::kHardsigmoid);
  hardsigmoid.read_from = {{"HardSigmoid", read_hardsigmoid}};
  hardsigmoid.write = write_hardsigmoid;
  Operator hardswish = function("hardswish", kernels::Function::kHardswish);
  hardswish.not_deployed = "files are written for opset 13, and HardSwish came with 14";
  Operator leaky_relu = function("leaky_relu", kernels::Function::kLeakyRelu);
  leaky_relu.defaults = leaky_relu_defaults;
  leaky_relu.function_option = "negative_slope";
  leaky_relu.read_from = {{"LeakyRelu", read_leaky_relu}};
  leaky_relu.write = write_leaky_relu;
  Operator relu6 = function(ops::kRelu6, kernels::Function::kRelu6);
  relu6.write = write_relu6;
  Operator sigmoid = function("sigmoid", kernels::Function::kSigmoid);
  Operator silu = function("silu", kernels::Function::kSilu);
  Operator tanh = function("tanh", kernels::Function::kTanh);
  sigmoid.not_deployed = silu.not_deployed = tanh.not_deployed = kLibm;
  return {hardsigmoid, hardswish, leaky_relu, relu6, sigmoid, silu, tanh};
}

std::vector<Operator> make_rows() {
  std::vector<Operator> rows = function_rows();
  Operator relu = unary(ops::kRelu), clip = unary(ops::kClip, clip_defaults);
  relu.read_from = {{kOnnxRelu, read_plain<ops::kRelu>}};
  relu.write = onnx_format::write_plain<kOnnxRelu>;
  clip.read_from = {{"Clip", read_clip}};
  clip.write = write_clip;
  rows.insert(rows.end(), {relu, clip});

  Operator round = unary(ops::kRound);
  round.write = onnx_format::write_plain<kOnnxRound>;
  round.no_tensors = round.not_deployed = "part of fake quantization in files";
  Operator identity = unary(ops::kIdentity);
  identity.quantized = QuantizedAs::kCommutes;
  identity.read_from = {{kOnnxIdentity, read_plain<ops::kIdentity>}};
  identity.write = onnx_format::write_plain<kOnnxIdentity>;
  identity.no_tensors = identity.not_deployed = "leaves no node";
  Operator dropout = unary(ops::kDropout, dropout_defaults);
  dropout.no_tensors = "needs random numbers, which are no input";
  dropout.not_deployed = "evaluation has none";
  rows.insert(rows.end(), {round, identity, dropout});

  Operator add = of_two(ops::kAdd, broadcast<ops::kAdd>, onnx_format::write_plain<kOnnxAdd>);
  add.read_from = {{kOnnxAdd, read_plain<ops::kAdd>}};
  Operator sub = of_two(ops::kSub, broadcast<ops::kSub>, onnx_format::write_plain<kOnnxSub>);
  Operator mul = of_two(ops::kMul, broadcast<ops::kMul>, onnx_format::write_plain<kOnnxMul>);
  sub.not_deployed = mul.not_deployed = kNoStep;
  rows.insert(rows.end(), {add, sub, mul});
  return rows;
}

}  // namespace

std::span<const Operator> elementwise_operators() {
  static const std::vector<Operator> rows = make_rows();
  return rows;
}

}  // namespace octet
