// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/graph.h"

#include <algorithm>

#include "octet/base/error.h"

namespace octet {

std::vector<int> Graph::readers(int value) const {
  std::vector<int> found;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (std::ranges::count(nodes[i].inputs, value) > 0) found.push_back(static_cast<int>(i));
  return found;
}

std::string Graph::to_string() const {
  const auto name = [&](int value) { return value < 0 ? "-" : values[static_cast<std::size_t>(value)].name; };
  std::string lines;
  for (const Node& node : nodes) {
    std::string operands;
    for (int input : node.inputs) operands += (operands.empty() ? "" : ", ") + name(input);
    const Shape& shape = values[static_cast<std::size_t>(node.output)].shape;
    lines += text(name(node.output), " = ", node.op, '(', operands, ") ", shape, node.module.empty() ? "" : "  ",
                  node.module, '\n');
  }
  return lines;
}

}  // namespace octet
