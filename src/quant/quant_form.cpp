// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/quant_form.h"

#include <memory>
#include <utility>
#include <variant>

#include "octet/graph/operators_conv.h"

namespace octet {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// [out, in] as [in, out].
ConstantData transposed(const ConstantData& matrix, const Shape& shape) {
  const auto out = static_cast<std::size_t>(shape[0]), in = static_cast<std::size_t>(shape[1]);
  return std::visit(
      [&]<typename T>(const std::vector<T>& from) -> ConstantData {
        std::vector<T> to(from.size());
        for (std::size_t i = 0; i < in; ++i)
          for (std::size_t o = 0; o < out; ++o) to[i * out + o] = from[o * in + i];
        return to;
      },
      matrix);
}

}  // namespace

bool TracedLayer::is_linear() const { return node.op == ops::kLinear; }

int DeployedNodes::add(Value value) {
  while (!names_.insert(value.name).second) value.name += '_';  // a layer may be called "input", or "relu_0"
  graph_.values.push_back(std::move(value));
  return static_cast<int>(graph_.values.size()) - 1;
}

int DeployedNodes::constant(std::string name, Shape shape, ConstantData data) {
  Value value{Value::Kind::kConstant, std::move(name), std::move(shape), -1};
  value.data = std::make_shared<const ConstantData>(std::move(data));
  return add(std::move(value));
}

int DeployedNodes::node(std::string op, std::string name, Shape shape, std::vector<int> inputs, Attributes attributes) {
  const int output =
      add({Value::Kind::kResult, std::move(name), std::move(shape), static_cast<int>(graph_.nodes.size())});
  graph_.nodes.push_back({std::move(op), "", 0, std::move(inputs), output, std::move(attributes)});
  return output;
}

Shape DeployedNodes::shape_of(int value) const { return graph_.values[at(value)].shape; }

const Node& DeployedNodes::producer_of(int value) const { return graph_.nodes[at(graph_.values[at(value)].producer)]; }

int whole_sums(DeployedNodes& nodes, const TracedLayer& layer, ConstantData weight, ConstantData bias) {
  const std::string& name = layer.node.module;
  Attributes attributes = layer.node.attributes;
  Shape shape = layer.weight_shape;
  if (layer.is_linear()) {
    attributes["transposed_weight"] = true;
    weight = transposed(weight, shape);
    std::swap(shape[0], shape[1]);
  }
  const int input = nodes.integers_of(layer.input);
  const int weights = nodes.constant(name + ".weight", std::move(shape), std::move(weight));
  const int biases = nodes.constant(name + ".bias", {std::ssize(layer.integers.bias)}, std::move(bias));
  return nodes.node(layer.node.op, name, layer.result_shape, {input, weights, biases}, std::move(attributes));
}

}  // namespace octet
