// SPDX-License-Identifier: Apache-2.0
// A network as plain data: what trace() takes from the tape, and what every tool that looks at a network reads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "octet/base/shape.h"

namespace octet {

/// An op's options. Names are PyTorch's: "stride", "padding", "groups", "eps", ...
using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>>;
using Attributes = std::map<std::string, Attribute>;

/// The values of a constant, row-major.
using ConstantData = std::variant<std::vector<float>, std::vector<std::int8_t>, std::vector<std::uint8_t>,
                                  std::vector<std::int32_t>, std::vector<std::int64_t>, std::vector<std::uint64_t>>;

/// What flows between nodes: an input of the network, a parameter or buffer (with its dotted name), or a result.
struct Value {
  enum class Kind { kInput, kParameter, kConstant, kResult };
  Kind kind = Kind::kResult;
  std::string name;   ///< parameter: its name in the module ("layer1.0.conv1.weight"); else "input", "conv2d_3", ...
  Shape shape;        ///< logical shape, activations (N, C, H, W); an input's size may be -1: any
  int producer = -1;  ///< index of the node that computes it, -1 if none does
  /// Parameters and constants of a graph that stands alone (one read from a file, or about to be written to one); null
  /// in a trace, whose values live in the module.
  std::shared_ptr<const ConstantData> data = nullptr;
};

/// One op, executed once.
struct Node {
  std::string op;           ///< "conv2d", "relu", ...
  std::string module;       ///< dotted path of the module whose forward ran it, "" at the top
  int call = 0;             ///< how many times that module had been called before: > 0 means it is reused
  std::vector<int> inputs;  ///< indices into Graph::values, -1 where an optional input is absent
  int output = -1;          ///< index into Graph::values
  Attributes attributes;
};

/// Nodes in the order of execution, so that every value is produced before it is read.
struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<int> inputs, outputs;  ///< indices into values
  /// What the network's file says about it: names and texts of its makers' choice.
  std::map<std::string, std::string> metadata = {};

  /// Indices of the nodes that read `value`, ascending.
  std::vector<int> readers(int value) const;
  /// One line per node, for people: "conv2d_0 = conv2d(input, conv1.weight, -) [8, 16, 32, 32]  conv1".
  std::string to_string() const;
};

}  // namespace octet
