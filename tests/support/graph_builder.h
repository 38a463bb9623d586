// SPDX-License-Identifier: Apache-2.0
// Graphs for tests, node by node.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

class GraphBuilder {
 public:
  int input(std::string name, Shape shape) {
    const int index = add({Value::Kind::kInput, std::move(name), std::move(shape), -1});
    graph_.inputs.push_back(index);
    return index;
  }
  int constant(Shape shape, ConstantData data) {
    Value value{Value::Kind::kConstant, next("constant"), std::move(shape), -1};
    value.data = std::make_shared<const ConstantData>(std::move(data));
    return add(std::move(value));
  }
  template <typename T>
  int scalar(T value) {
    return constant({}, std::vector<T>{value});
  }
  int node(const std::string& op, std::vector<int> inputs, Attributes attributes) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.output = add({Value::Kind::kResult, next(op), {}, static_cast<int>(graph_.nodes.size())});
    graph_.nodes.push_back(node);
    return node.output;
  }
  Graph finish(std::vector<int> outputs) {
    graph_.outputs = std::move(outputs);
    return graph_;
  }

 private:
  std::string next(const std::string& op) { return op + '_' + std::to_string(count_[op]++); }
  int add(Value value) {
    graph_.values.push_back(std::move(value));
    return static_cast<int>(graph_.values.size()) - 1;
  }

  Graph graph_;
  std::map<std::string, int> count_;
};

}  // namespace octet::test
