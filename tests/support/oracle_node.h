// SPDX-License-Identifier: Apache-2.0
// What the oracle's functions share: a node with all that it reads.
#pragma once

#include "support/int8_oracle.h"

namespace octet::test {

struct OracleNode {
  const Graph& graph;
  const Node& node;
  const std::vector<OracleTensor>& tensors;  ///< of Graph::values
  const OracleConstants& constants;          ///< of Graph::values

  int operand(std::size_t i) const { return i < node.inputs.size() ? node.inputs[i] : -1; }
  const OracleTensor& tensor(std::size_t i) const { return tensors[static_cast<std::size_t>(operand(i))]; }
  /// Null where an operand is absent or no constant.
  const OracleConstant* constant(std::size_t i) const {
    if (operand(i) < 0) return nullptr;
    const std::optional<OracleConstant>& c = constants[static_cast<std::size_t>(operand(i))];
    return c ? &*c : nullptr;
  }
  const Shape& shape() const { return graph.values[static_cast<std::size_t>(node.output)].shape; }
};

/// conv2d, conv_transpose2d and linear, in int8 or in float.
OracleTensor oracle_layer(const OracleNode& n);

}  // namespace octet::test
