// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/conversion_plan.h"

#include <algorithm>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/graph/operators_norm.h"

namespace octet {
namespace {

const Node& node_of(const Graph& graph, const std::string& layer) {
  const auto found =
      std::ranges::find_if(graph.nodes, [&](const Node& node) { return node.module == layer && is_layer(node); });
  require(found != graph.nodes.end(), printable(layer), ": does not run for this input");
  return *found;
}

bool comes_from_relu(const Graph& graph, int value) {
  const int producer = graph.values[static_cast<std::size_t>(value)].producer;
  return producer >= 0 && graph.nodes[static_cast<std::size_t>(producer)].op == ops::kRelu;
}

// The BatchNorm that may move into the layer that computes `value`.
std::string only_batch_norm(const Graph& graph, int value, std::span<const std::string> batch_norms) {
  const std::vector<int> readers = graph.readers(value);
  if (readers.size() != 1 || std::ranges::find(graph.outputs, value) != graph.outputs.end()) return "";
  const Node& reader = graph.nodes[static_cast<std::size_t>(readers.front())];
  const bool is_module = std::ranges::find(batch_norms, reader.module) != batch_norms.end();
  const bool runs_once = std::ranges::count(graph.nodes, reader.module, &Node::module) == 1;
  return reader.op == ops::kBatchNorm && is_module && runs_once ? reader.module : "";
}

RetrainConfig complete(const LayerRetrainConfig& layer, std::int64_t batch_num, bool fed_by_relu) {
  return {.retrain_enable = true,
          .retrain_data_config = {.dst_type = layer.data.dst_type,
                                  .batch_num = batch_num,
                                  .fixed_min = layer.data.fixed_min.value_or(fed_by_relu),
                                  .clip_max = layer.data.clip_max,
                                  .clip_min = layer.data.clip_min},
          .retrain_weight_config = {.dst_type = layer.weight.dst_type,
                                    .weights_retrain_algo = layer.weight.algo,
                                    .channel_wise = layer.weight.channel_wise}};
}

bool same(const RetrainDataConfig& a, const RetrainDataConfig& b) {
  return a.dst_type == b.dst_type && a.batch_num == b.batch_num && a.fixed_min == b.fixed_min &&
         a.clip_max == b.clip_max && a.clip_min == b.clip_min && a.asymmetric == b.asymmetric;
}

// What both paths start with: the module that holds the two.
std::string common_module(const std::string& a, const std::string& b) {
  std::size_t end = 0;
  for (std::size_t i = 0; i <= std::min(a.size(), b.size()); ++i) {
    const bool a_ends = i == a.size() || a[i] == '.', b_ends = i == b.size() || b[i] == '.';
    if (a_ends && b_ends) end = i;
    if (i == a.size() || i == b.size() || a[i] != b[i]) break;
  }
  return a.substr(0, end);
}

// Of the readers of `value`, a tensor that comes from elsewhere, the module that holds all of them: its only input is
// then that tensor. "" if that would be the whole model, if `owner` and layers that share its quantizer are the only
// readers, or if a layer quantizes the tensor in another way.
std::string shortcut_slot(const Graph& graph, int value, const std::string& owner,
                          std::span<const LayerConversion> plan) {
  if (std::ranges::find(graph.outputs, value) != graph.outputs.end()) return "";
  std::string slot;
  bool has_floats = false, first = true;
  for (const int reader : graph.readers(value)) {
    const std::string& module = graph.nodes[static_cast<std::size_t>(reader)].module;
    const auto layer = std::ranges::find(plan, module, &LayerConversion::name);
    if (layer == plan.end())
      has_floats = true;
    else if (layer->quantizer_owner != owner)
      return "";
    slot = std::exchange(first, false) ? module : common_module(slot, module);
  }
  const int producer = graph.values[static_cast<std::size_t>(value)].producer;
  const bool made_inside =
      producer >= 0 && common_module(slot, graph.nodes[static_cast<std::size_t>(producer)].module) == slot;
  return has_floats && !made_inside ? slot : "";
}

}  // namespace

std::vector<LayerConversion> plan_conversion(const Graph& graph, const QuantRetrainConfig& config,
                                             std::span<const QuantizableLayer> layers,
                                             std::span<const std::string> batch_norms) {
  std::vector<LayerConversion> plan;
  std::vector<int> inputs;  // of the layers in `plan`
  for (const QuantizableLayer& facts : layers) {
    const auto layer = std::ranges::find(config.layers, facts.name, &LayerRetrainConfig::name);
    if (layer == config.layers.end() || !layer->retrain_enable) continue;
    const Node& node = node_of(graph, facts.name);
    const int input = node.inputs.front();
    LayerConversion conversion{.name = facts.name,
                               .config = complete(*layer, config.batch_num, comes_from_relu(graph, input)),
                               .quantizer_owner = facts.name};
    if (facts.type == "Conv2d") conversion.batch_norm = only_batch_norm(graph, node.output, batch_norms);
    for (std::size_t i = 0; i < plan.size(); ++i)
      if (inputs[i] == input && same(plan[i].config.retrain_data_config, conversion.config.retrain_data_config)) {
        conversion.quantizer_owner = plan[i].quantizer_owner;
        break;
      }
    plan.push_back(std::move(conversion));
    inputs.push_back(input);
  }
  for (std::size_t i = 0; i < plan.size(); ++i)
    if (plan[i].quantizer_owner == plan[i].name)
      plan[i].shortcut_slot = shortcut_slot(graph, inputs[i], plan[i].name, plan);
  return plan;
}

}  // namespace octet
