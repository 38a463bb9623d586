// SPDX-License-Identifier: Apache-2.0
// The reader of quant_retrain_config.h.
#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"
#include "octet/config/fields.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {
namespace {

using Kind = Document::Kind;

[[noreturn]] void fail_kind(const Document& value, const std::string& path, std::string_view expected) {
  fail(value.position().prefix(), printable(path), ": expected ", expected, ", got ", value.describe());
}

// JSON's null is a value of a wrong type here, and not a missing one.
void refuse_nulls(const Document& map, const std::string& path) {
  for (const Document::Member& member : map.members())
    if (member.value.is_null())
      fail(member.value.position().prefix(), printable(path + member.key), ": expected a value, got null");
}

DstType get_type(Fields& block) {
  return block.get_choice<DstType>(
      "dst_type", {{"INT4", DstType::kInt4}, {"INT8", DstType::kInt8}, {"INT16", DstType::kInt16}}, DstType::kInt8);
}

std::optional<float> get_clip(Fields& block, std::string_view key, bool positive) {
  const FloatEnvironment numbers;
  const Document* const value = block.find(key);
  if (!value) return std::nullopt;
  if (value->kind() != Kind::kReal)
    fail_kind(*value, block.name() + '.' + std::string(key), "a real number (1.0, not 1)");
  const auto clip = static_cast<float>(value->as_real());
  if (!std::isfinite(clip)) block.fail_at(key, "has to be finite");
  if (positive ? clip <= 0.0F : clip >= 0.0F) block.fail_at(key, positive ? "has to be above 0" : "has to be below 0");
  return clip;
}

LayerRetrainConfig::Data read_data(Fields block) {
  LayerRetrainConfig::Data data;
  block.get_choice<int>("algo", {{"ulq_quantize", 0}}, 0);
  data.clip_max = get_clip(block, "clip_max", /*positive=*/true);
  data.clip_min = get_clip(block, "clip_min", /*positive=*/false);
  if (data.clip_max.has_value() != data.clip_min.has_value())
    block.fail_at(data.clip_max ? "clip_max" : "clip_min", "clip_max and clip_min need each other");
  if (data.clip_max && !std::isfinite(*data.clip_max - *data.clip_min))
    block.fail_at("clip_max", "clip_max - clip_min has to be finite");
  if (block.has("fixed_min")) data.fixed_min = block.get_bool("fixed_min");
  data.dst_type = get_type(block);
  block.finish();
  return data;
}

LayerRetrainConfig::Weight read_weight(Fields& block, bool is_linear) {
  LayerRetrainConfig::Weight weight;
  weight.algo = block.get_choice<WeightsRetrainAlgo>(
      "algo", {{"arq_retrain", WeightsRetrainAlgo::kArqRetrain}, {"ulq_retrain", WeightsRetrainAlgo::kUlqRetrain}},
      WeightsRetrainAlgo::kArqRetrain);
  weight.channel_wise = block.get_bool("channel_wise", !is_linear);
  weight.dst_type = get_type(block);
  block.finish();
  return weight;
}

void check_widths(const LayerRetrainConfig& layer, const Fields& weight_block) {
  const int data = bits_of(layer.data.dst_type), weight = bits_of(layer.weight.dst_type);
  const bool known = (weight == 8 && data != 4) || (weight == 4 && data != 16);
  if (!known)
    weight_block.fail_at("dst_type", text("no kernel has ", name_of(layer.data.dst_type), " activations and ",
                                          name_of(layer.weight.dst_type), " weights"));
}

LayerRetrainConfig read_layer(const Document::Member& member, const QuantizableLayer& facts) {
  if (member.value.kind() != Kind::kMap) fail_kind(member.value, facts.name, "an object");
  refuse_nulls(member.value, facts.name + '.');
  for (const Document::Member& inner : member.value.members()) {
    require(!inner.key.starts_with("regular_prune_"), inner.position.prefix(), printable(facts.name + '.' + inner.key),
            ": pruning has no place in this configuration");
    if (inner.key.ends_with("_config") && inner.value.kind() == Kind::kMap)
      refuse_nulls(inner.value, facts.name + '.' + inner.key + '.');
  }
  Fields fields(member.value, facts.name);
  LayerRetrainConfig layer{.name = facts.name};
  layer.retrain_enable = fields.get_bool("retrain_enable", true);
  layer.data = read_data(fields.fields("retrain_data_config"));
  Fields weight_block = fields.fields("retrain_weight_config");
  layer.weight = read_weight(weight_block, facts.is_linear());
  check_widths(layer, weight_block);
  if (layer.retrain_enable && facts.is_linear() && layer.weight.channel_wise)
    weight_block.fail_at("channel_wise", "a Linear layer has one scale for its weight: has to be false");
  return layer;
}

std::int64_t read_batch_num(const Document& file) {
  const Document* const value = file.find("batch_num");
  require(value, file.position().prefix(), "missing key \"batch_num\"");
  if (value->kind() != Kind::kInteger && value->kind() != Kind::kBool) fail_kind(*value, "batch_num", "an integer");
  const std::int64_t batch_num =
      value->kind() == Kind::kBool ? static_cast<std::int64_t>(value->as_bool()) : value->as_integer();
  require(batch_num > 0, value->position().prefix(), "batch_num: has to be at least 1 but is ", batch_num);
  return batch_num;
}

LayerRetrainConfig default_layer(const QuantizableLayer& facts, bool enabled) {
  return {.name = facts.name, .retrain_enable = enabled, .weight = {.channel_wise = !facts.is_linear()}};
}

}  // namespace

QuantRetrainConfig parse_quant_retrain_config(std::string_view text, std::string source,
                                              std::span<const QuantizableLayer> layers) {
  const Document file = parse_json(text, std::move(source));
  if (file.kind() != Kind::kMap) fail_kind(file, "configuration", "an object");
  refuse_nulls(file, "");
  Fields fields(file);
  const std::int64_t version = fields.get_int("version", {.min = 1});
  if (version > kQuantConfigFormat.newest)
    fields.fail_at("version", octet::text("is ", version, ", which a newer Octet wrote; this one knows ",
                                          kQuantConfigFormat.newest, " at most: update Octet to read the file"));
  QuantRetrainConfig config;
  config.batch_num = read_batch_num(file);
  config.force_fp16_quant =
      fields.get_choice<bool>("fakequant_precision_mode", {{"DEFAULT", false}, {"FORCE_FP16_QUANT", true}}, false);

  std::unordered_set<std::string_view> seen;
  for (const Document::Member& member : file.members()) {
    if (member.key == "version" || member.key == "batch_num" || member.key == "fakequant_precision_mode") continue;
    const QuantizableLayer* const facts = find_layer(layers, member.key);
    require(facts, member.position.prefix(), why_not_quantizable(layers, member.key));
    config.layers.push_back(read_layer(member, *facts));
    seen.insert(facts->name);
  }
  for (const QuantizableLayer& facts : layers)
    if (facts.obstacle.empty() && !seen.contains(facts.name)) config.layers.push_back(default_layer(facts, false));
  require(std::ranges::any_of(config.layers, &LayerRetrainConfig::retrain_enable), file.position().prefix(),
          "no layer is enabled: nothing would be quantized");
  return config;
}

QuantRetrainConfig read_quant_retrain_config(const std::filesystem::path& path,
                                             std::span<const QuantizableLayer> layers) {
  return parse_quant_retrain_config(read_file(path, DocumentLimits().max_bytes), path.string(), layers);
}

}  // namespace octet
