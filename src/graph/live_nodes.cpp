// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/live_nodes.h"

#include <utility>

namespace octet {

Graph live_nodes(Graph graph) {
  std::vector<bool> needed(graph.values.size());
  const auto need = [&](int value) {
    if (value >= 0) needed[static_cast<std::size_t>(value)] = true;
  };
  for (const int output : graph.outputs) need(output);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (needed[static_cast<std::size_t>(node->output)])
      for (const int input : node->inputs) need(input);

  std::vector<Node> live;
  for (Node& node : graph.nodes) {
    Value& result = graph.values[static_cast<std::size_t>(node.output)];
    const bool is_live = needed[static_cast<std::size_t>(node.output)];
    result.producer = is_live ? static_cast<int>(live.size()) : -1;
    if (is_live) live.push_back(std::move(node));
  }
  graph.nodes = std::move(live);
  return graph;
}

}  // namespace octet
