// SPDX-License-Identifier: Apache-2.0
// From nodes to steps: what is common to all ops. What one op becomes is in its family's execute_*.cpp.
#include <algorithm>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/deploy/constant_bytes.h"
#include "octet/deploy/execution.h"
#include "octet/deploy/lowering.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_quantization.h"

namespace octet::deploy {
namespace {

constexpr std::int64_t kMostConstantBytes = std::int64_t{1} << 30;

// Nodes that read each value; a node that reads it twice is there twice.
std::vector<std::vector<int>> readers_of(const Graph& graph) {
  std::vector<std::vector<int>> readers(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int value : graph.nodes[i].inputs)
      if (value >= 0) readers[static_cast<std::size_t>(value)].push_back(static_cast<int>(i));
  return readers;
}

void lower_node(Lowering& lowering) {
  const LowerNode lower = find_execution(lowering.node().op);
  const Operator* const op = find_operator(lowering.node().op);
  require(lower != nullptr, "op ", lowering.node().op, " is not supported", op && op->not_deployed ? ": " : "",
          op && op->not_deployed ? op->not_deployed : "");
  lower(lowering);
}

}  // namespace

Lowering::Lowering(const Graph& graph, SharedConstants& shared, Obstacles* found)
    : graph_(graph), shared_(shared), found_(found), forms_(graph.values.size()), readers_(readers_of(graph)) {}

Program Lowering::run() {
  require((found_ || graph_.inputs.size() == 1) && graph_.outputs.size() == 1,
          "the model must have one input and one output, has ", graph_.inputs.size(), " and ", graph_.outputs.size());
  for (std::size_t i = 1; i < graph_.inputs.size(); ++i)
    form(graph_.inputs[i]).real = add_tensor(value(graph_.inputs[i]).shape, false);
  form(graph_.inputs[0]).from_input = true;
  for (const Node& node : graph_.nodes) {
    node_ = &node;
    const std::string& name = value(node.output).name;
    if (!passes(found_, text(name, " (", node.op, ")"), {.node = name, .op = node.op, .why = {}, .module = node.module},
                [&] { lower_node(*this); }))
      define_real(add_tensor(output_shape(), false));
  }
  node_ = nullptr;
  const int output = graph_.outputs[0];
  require(!form(output).integers, "the output must be float, not quantized integers");
  program_.output = real(output);
  return std::move(program_);
}

const Shape& Lowering::input_shape(std::size_t i) const {
  require(input(i) >= 0, "input ", i, " is missing");
  return value(input(i)).shape;
}

int Lowering::add_tensor(const Shape& shape, bool quantized) {
  const int index = static_cast<int>(program_.tensors.size());
  program_.tensors.push_back({shape, quantized, index});
  return index;
}

int Lowering::add_view(int tensor, const Shape& shape) {
  TensorInfo view = program_.tensors[static_cast<std::size_t>(tensor)];
  view.shape = shape;
  program_.tensors.push_back(std::move(view));
  return static_cast<int>(program_.tensors.size()) - 1;
}

int Lowering::add_step(const char* operation, Work work, std::vector<Operand> inputs, const Shape& shape,
                       bool quantized) {
  Step step;
  step.name = node_ ? (node_->module.empty() ? value(node_->output).name : node_->module) : "output";
  step.operation = operation;
  count_constants(constant_bytes(work));
  step.work = std::move(work);
  step.inputs = std::move(inputs);
  step.output = add_tensor(shape, quantized);
  program_.steps.push_back(std::move(step));
  return program_.steps.back().output;
}

void Lowering::define_like(const Operand& from, int tensor) {
  if (from.scale)
    define_quantized(tensor, *from.scale);
  else
    define_real(tensor);
}

int Lowering::real(int v) {
  require(v >= 0, "an input is missing");
  Form& f = form(v);
  require(!f.integers, "reads quantized integers, which only DequantizeLinear does");
  if (f.real < 0 && f.from_input)
    f.real = add_step("load", LoadInput{}, {}, value(v).shape, false);
  else if (f.real < 0 && f.quantized.tensor >= 0)
    f.real = add_step("dequantize", Dequantize{}, {f.quantized}, value(v).shape, false);
  require(f.real >= 0, "cannot read ", in_quotes(value(v).name), " here: a constant is not supported");
  return f.real;
}

Operand Lowering::any(int v) {
  require(v >= 0, "an input is missing");
  const Form& f = form(v);
  if (!f.integers && f.quantized.tensor >= 0) return f.quantized;
  return {real(v), {}};
}

Operand Lowering::quantized_at(int v, const Int8Scale& scale) {
  const Form& f = form(v);
  // Quantizing what was dequantized from the same grid gives it back: (q - o) * s / s is within a rounding of q - o.
  if (f.quantized.tensor >= 0 && same(*f.quantized.scale, scale)) return f.quantized;
  const Shape& shape = value(v).shape;
  const bool from_input = f.from_input && shape.size() == 4;
  const int source = from_input ? -1 : real(v);
  const auto [known, is_new] = quantized_.try_emplace({source, {scale.scale, scale.zero_point}}, -1);
  if (is_new)
    known->second = add_step("quantize", Quantize{scale, from_input},
                             from_input ? std::vector<Operand>{} : std::vector<Operand>{{source, {}}}, shape, true);
  return {known->second, scale};
}

std::optional<Int8Scale> Lowering::scale_of_all_readers(int v) {
  std::optional<Int8Scale> found;
  if (std::ranges::count(graph_.outputs, v) > 0) return {};
  for (const int reader : readers_[static_cast<std::size_t>(v)]) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(reader)];
    if (node.op != ops::kQuantize) return {};
    const Int8Scale scale = constants_.activation_scale(node).scale;
    if (found && !same(*found, scale)) return {};
    found = scale;
  }
  return found;
}

SharedConstants::Floats Lowering::weights(int v, bool transposed) {
  return shared_.floats(v, transposed, [&]() -> SharedConstants::Floats {
    if (value(v).data && !transposed) return {value(v).data, &constants_.stored_floats(v)};  // the model's own
    count_constants(element_count(value(v).shape) * 4);
    std::vector<float> values = constants_.floats(v);
    if (transposed) values = transpose(values, value(v).shape);
    return std::make_shared<const std::vector<float>>(std::move(values));
  });
}

void Lowering::count_constants(std::int64_t bytes) {
  constant_bytes_ += bytes;
  require(constant_bytes_ <= kMostConstantBytes, "what is made of constants up to here takes ", constant_bytes_,
          " bytes, more than ", kMostConstantBytes);
}

Program lower(const Graph& graph, SharedConstants& shared, Obstacles* found) {
  return Lowering(graph, shared, found).run();
}

Program lower(const Graph& graph) {
  SharedConstants own;
  return lower(graph, own);
}

}  // namespace octet::deploy
