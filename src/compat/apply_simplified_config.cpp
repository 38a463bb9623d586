// SPDX-License-Identifier: Apache-2.0
// apply_simplified_config() of simplified_config.h.
#include <algorithm>
#include <set>

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/compat/simplified_config.h"

namespace octet {
namespace {

using Names = std::vector<Placed<std::string>>;

void warn_of_repeated(const char* key, const Names& names, std::vector<std::string>& warnings) {
  std::set<std::string_view> seen;
  for (const Placed<std::string>& name : names)
    if (!seen.insert(name.value).second)
      warnings.push_back(text(name.position.prefix(), key, ": ", in_quotes(name.value), " is there twice"));
}

void check_type(const char* key, const Placed<std::string>& type) {
  const std::span<const std::string> types = quantizable_layer_types();
  if (std::ranges::find(types, type.value) != types.end()) return;
  std::string known;
  for (const std::string& one : types) known += (known.empty() ? "" : ", ") + one;
  const std::string near = did_you_mean(type.value, types);
  fail(type.position.prefix(), key, ": ", in_quotes(type.value), " is no layer type that can be quantized",
       near.empty() ? "; there are " + known : near);
}

void check_name(const char* key, const Placed<std::string>& name, std::span<const QuantizableLayer> layers) {
  require(find_layer(layers, name.value), name.position.prefix(), key, ": ", why_not_quantizable(layers, name.value));
}

void check_overrides(const char* key, const std::vector<QuantOverride>& overrides) {
  std::set<std::string_view> seen;
  for (const QuantOverride& one : overrides)
    require(seen.insert(one.name.value).second, one.name.position.prefix(), key, ": ", in_quotes(one.name.value),
            " is overridden twice");
}

void check_names(const SimplifiedConfig& config, std::span<const QuantizableLayer> layers,
                 std::vector<std::string>& warnings) {
  for (const auto& [key, names] :
       {std::pair("skip_layers", &config.skip_layers), std::pair("quant_skip_layers", &config.quant_skip_layers)}) {
    for (const Placed<std::string>& name : *names) check_name(key, name, layers);
    warn_of_repeated(key, *names, warnings);
  }
  for (const auto& [key, types] : {std::pair("skip_layer_types", &config.skip_layer_types),
                                   std::pair("quant_skip_types", &config.quant_skip_types)}) {
    for (const Placed<std::string>& type : *types) check_type(key, type);
    warn_of_repeated(key, *types, warnings);
  }
  // As in Huawei's AMCT, an override that says nothing may name anything.
  for (const QuantOverride& one : config.override_layer_configs)
    if (one.blocks.present) check_name("override_layer_configs", one.name, layers);
  for (const QuantOverride& one : config.override_layer_types) check_type("override_layer_types", one.name);
  check_overrides("override_layer_configs", config.override_layer_configs);
  check_overrides("override_layer_types", config.override_layer_types);
}

const QuantBlocks* find_override(const std::vector<QuantOverride>& overrides, const std::string& name) {
  const auto found = std::ranges::find(overrides, name, [](const QuantOverride& one) { return one.name.value; });
  return found == overrides.end() ? nullptr : &found->blocks;
}

bool contains(const Names& names, const std::string& name) {
  return std::ranges::find(names, name, &Placed<std::string>::value) != names.end();
}

bool is_skipped(const SimplifiedConfig& config, const QuantizableLayer& layer) {
  return contains(config.skip_layers, layer.name) || contains(config.quant_skip_layers, layer.name) ||
         contains(config.skip_layer_types, layer.type) || contains(config.quant_skip_types, layer.type);
}

bool channel_wise_for(const QuantizableLayer& layer, const QuantBlocks& blocks, bool enabled) {
  if (!blocks.channel_wise) return !layer.is_linear();
  if (!layer.is_linear() || !blocks.channel_wise->value) return blocks.channel_wise->value;
  require(!enabled, blocks.channel_wise->position.prefix(), "channel_wise: true reaches ", in_quotes(layer.name),
          ", but a Linear layer has one scale for its weight; give Linear an entry in override_layer_types with "
          "channel_wise false");
  return false;
}

DstType weight_type_for(const QuantizableLayer& layer, DstType type, bool enabled, std::vector<std::string>& warnings) {
  if (type != DstType::kInt4 || (layer.groups == 1 && layer.in_channels % 2 == 0)) return type;
  if (enabled)
    warnings.push_back(text(printable(layer.name), ": INT4 weights become INT8, because ",
                            layer.groups > 1 ? "the layer has groups" : "its number of input channels is odd"));
  return DstType::kInt8;
}

}  // namespace

QuantRetrainConfig apply_simplified_config(const SimplifiedConfig& config, std::span<const QuantizableLayer> layers,
                                           std::vector<std::string>& warnings) {
  check_names(config, layers, warnings);
  QuantRetrainConfig full{.batch_num = config.batch_num, .force_fp16_quant = config.force_fp16_quant};
  for (const QuantizableLayer& layer : layers) {
    if (!layer.obstacle.empty()) continue;
    const QuantBlocks* blocks = find_override(config.override_layer_configs, layer.name);
    if (!blocks) blocks = find_override(config.override_layer_types, layer.type);
    const bool enabled = blocks || !is_skipped(config, layer);
    if (!blocks) blocks = &config.global;
    full.layers.push_back({.name = layer.name,
                           .retrain_enable = enabled,
                           .data = blocks->data,
                           .weight = {.algo = blocks->algo,
                                      .channel_wise = channel_wise_for(layer, *blocks, enabled),
                                      .dst_type = weight_type_for(layer, blocks->weight_dst_type, enabled, warnings)}});
  }
  require(std::ranges::any_of(full.layers, &LayerRetrainConfig::retrain_enable), config.position.prefix(),
          "every layer is disabled: nothing would be quantized");
  return full;
}

}  // namespace octet
