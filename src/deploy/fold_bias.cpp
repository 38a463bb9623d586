// SPDX-License-Identifier: Apache-2.0
// MatMul and Add of a constant per channel, as exporters write a linear layer, become the layer with a bias.
#include <algorithm>

#include "octet/deploy/program.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/graph/operators_quantization.h"

namespace octet::deploy {
namespace {

// How often each value is read.
std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> counts(graph.values.size());
  for (const Node& node : graph.nodes)
    for (const int value : node.inputs)
      if (value >= 0) ++counts[static_cast<std::size_t>(value)];
  for (const int value : graph.outputs) ++counts[static_cast<std::size_t>(value)];
  return counts;
}

// The node that computes `value`, if it is a layer that could have a bias and has none.
Node* layer_without_bias(Graph& graph, int value) {
  const int producer = graph.values[static_cast<std::size_t>(value)].producer;
  if (producer < 0) return nullptr;
  Node& node = graph.nodes[static_cast<std::size_t>(producer)];
  return is_layer(node) && (node.inputs.size() < 3 || node.inputs[2] < 0) ? &node : nullptr;
}

// Values of a constant that stands for one per channel, or of a node that dequantizes one.
bool is_constant(const Graph& graph, int value) {
  const Value& v = graph.values[static_cast<std::size_t>(value)];
  if (v.data) return true;
  if (v.producer < 0) return false;
  const Node& node = graph.nodes[static_cast<std::size_t>(v.producer)];
  return node.op == ops::kDequantize && graph.values[static_cast<std::size_t>(node.inputs[0])].data;
}

}  // namespace

Graph fold_bias(Graph graph) {
  const std::vector<int> reads = count_readers(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].op != ops::kAdd) continue;
    std::vector<int> operands = graph.nodes[i].inputs;
    if (is_constant(graph, operands[0])) std::swap(operands[0], operands[1]);
    if (!is_constant(graph, operands[1]) || is_constant(graph, operands[0])) continue;
    if (reads[static_cast<std::size_t>(operands[0])] != 1) continue;
    Node* const layer = layer_without_bias(graph, operands[0]);
    const Shape& shape = graph.values[static_cast<std::size_t>(graph.nodes[i].output)].shape;
    const std::int64_t channels = shape.size() == 4 ? shape[1] : shape.back();
    if (!layer || element_count(graph.values[static_cast<std::size_t>(operands[1])].shape) != channels) continue;
    layer->inputs.resize(3, -1);
    layer->inputs[2] = operands[1];
    // The layer takes the addition's place, where its bias is known.
    Node moved = *layer;
    moved.output = graph.nodes[i].output;
    *layer = Node{};
    graph.nodes[i] = std::move(moved);
  }
  std::erase_if(graph.nodes, [](const Node& node) { return node.op.empty(); });
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    graph.values[static_cast<std::size_t>(graph.nodes[i].output)].producer = static_cast<int>(i);
  return graph;
}

}  // namespace octet::deploy
