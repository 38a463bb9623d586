// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/lost_parameters.h"

#include <algorithm>
#include <set>

#include "octet/graph/live_nodes.h"
#include "octet/graph/operator.h"

namespace octet {
namespace {

using Names = std::set<std::string>;

/// Names of the parameters and buffers that the graph's nodes read or that it returns.
Names names_read(const Graph& graph) {
  Names names;
  const auto add = [&](int value) {
    if (value < 0) return;
    const Value& v = graph.values[static_cast<std::size_t>(value)];
    if (v.kind == Value::Kind::kParameter) names.insert(v.name);
  };
  for (const Node& node : graph.nodes)
    for (const int input : node.inputs) add(input);
  for (const int output : graph.outputs) add(output);
  return names;
}

/// Under all their names: one that two modules share has two, and a trace knows the first.
void add_parameters(const Module& module, const std::string& prefix, std::vector<NamedTensor>& all) {
  for (const auto& [name, tensor] : module.own_parameters()) all.push_back({prefix + name, tensor});
  for (const auto& child : module.children()) add_parameters(child->module(), prefix + child->name() + '.', all);
}

}  // namespace

std::vector<std::string> lost_parameters(const Module& module, const Graph& evaluation, const Graph& training,
                                         std::span<const std::string> whole) {
  const Graph live = live_nodes(evaluation);
  Names saved = names_read(live), seen = names_read(evaluation);
  seen.merge(names_read(training));
  std::vector<std::string> prefixes;
  for (const Node& node : live.nodes)
    if (is_layer(node) && std::ranges::find(whole, node.module) != whole.end()) prefixes.push_back(node.module + '.');

  std::vector<NamedTensor> parameters;
  add_parameters(module, "", parameters);
  std::set<const void*> saved_tensors, seen_tensors;
  for (const auto& [name, tensor] : parameters) {
    const bool in_whole =
        std::ranges::any_of(prefixes, [&, &n = name](const std::string& prefix) { return n.starts_with(prefix); });
    if (in_whole || saved.contains(name)) saved_tensors.insert(tensor.body().get());
    if (seen.contains(name) || tensor.grad().defined()) seen_tensors.insert(tensor.body().get());
  }
  std::vector<std::string> lost;
  for (const auto& [name, tensor] : parameters)
    if (tensor.requires_grad() && seen_tensors.contains(tensor.body().get()) &&
        !saved_tensors.contains(tensor.body().get()))
      lost.push_back(name);
  return lost;
}

}  // namespace octet
