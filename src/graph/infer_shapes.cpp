// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/infer_shapes.h"

#include <limits>

#include "octet/base/error.h"
#include "octet/graph/operator.h"

namespace octet {
namespace {

constexpr std::int64_t kMostValues = std::numeric_limits<std::int32_t>::max();

// A product that stays in range, or Error.
void check_size(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    require(size >= 0 && (size == 0 || count <= kMostValues / size), "a tensor ", shape, " is too large");
    count *= size;
  }
}

Shape shape_of(const Graph& graph, const Node& node) {
  const Operator& op = get_operator(node.op);
  check_attributes(op, node.attributes);
  std::vector<const Shape*> shapes;
  for (const int input : node.inputs)
    shapes.push_back(input < 0 ? nullptr : &graph.values[static_cast<std::size_t>(input)].shape);
  check_input_count(op, shapes.size());
  Shape result = op.shapes(Operands(shapes, node.attributes)).at(0);
  check_size(result);
  return result;
}

}  // namespace

void infer_shapes(Graph& graph, std::span<const Shape> inputs, Obstacles* found) {
  require(inputs.size() == graph.inputs.size(), "the graph has ", graph.inputs.size(), " inputs, got ", inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_size(inputs[i]);
    graph.values[static_cast<std::size_t>(graph.inputs[i])].shape = inputs[i];
  }
  for (const Node& node : graph.nodes) {
    Value& result = graph.values[static_cast<std::size_t>(node.output)];
    passes(found, result.name, {.node = result.name, .op = node.op, .why = {}, .module = node.module},
           [&] { result.shape = shape_of(graph, node); });
  }
}

}  // namespace octet
