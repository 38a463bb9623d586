// SPDX-License-Identifier: Apache-2.0
// The readers. Both forms become one Document, which is read once.
#include "octet/compat/simplified_config.h"

#include <octet/compat/quant_cfg.pb.h>
#include <cmath>
#include <limits>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/compat/protobuf_text.h"
#include "octet/config/fields.h"

namespace octet {
namespace {

constexpr std::int64_t kMaxBatchNum = std::numeric_limits<std::uint32_t>::max();

// In YAML "ulq_retrain:" is null. Taking it for a missing key would hide what was meant.
void refuse_nulls(const Document& value) {
  if (value.kind() == Document::Kind::kList)
    for (const Document& item : value.items()) refuse_nulls(item);
  if (value.kind() == Document::Kind::kMap)
    for (const Document::Member& member : value.members()) {
      require(!member.value.is_null(), member.value.position().prefix(), printable(member.key),
              ": the value is missing; write {} for defaults");
      refuse_nulls(member.value);
    }
}

void refuse_pruning(Fields& fields) {
  for (const char* const key : {"prune_config", "regular_prune_skip_layers", "regular_prune_skip_types"})
    if (fields.has(key)) fields.fail_at(key, "pruning has no place in a configuration for quantization");
}

// float32, in which it must have the sign.
float get_clip(Fields& clips, std::string_view key, RealRange range) {
  const FloatEnvironment numbers;
  const auto clip = static_cast<float>(clips.get_real(key, range));
  if (clip == 0.0F || !std::isfinite(clip)) clips.fail_at(key, "is beyond the range of float32");
  return clip;
}

std::optional<Placed<DstType>> get_type(Fields& block) {
  const Document* const value = block.find("dst_type");
  if (!value) return std::nullopt;
  return Placed<DstType>{
      block.get_choice<DstType>("dst_type",
                                {{"INT4", DstType::kInt4}, {"INT8", DstType::kInt8}, {"INT16", DstType::kInt16}}),
      value->position()};
}

void read_data(Fields block, QuantBlocks& blocks) {
  Fields ulq = block.fields("ulq_quantize");
  Fields clips = ulq.fields("clip_max_min");
  if (ulq.has("clip_max_min")) {
    for (const char* const key : {"clip_max", "clip_min"})
      if (!clips.has(key)) clips.fail_at(key, "clip_max and clip_min need each other");
    blocks.data.clip_max = get_clip(clips, "clip_max", {.min = 0, .open_min = true});
    blocks.data.clip_min = get_clip(clips, "clip_min", {.max = 0, .open_max = true});
    if (!std::isfinite(*blocks.data.clip_max - *blocks.data.clip_min))
      clips.fail_at("clip_max", "clip_max - clip_min has to be finite");
  }
  clips.finish();
  if (ulq.has("fixed_min")) blocks.data.fixed_min = ulq.get_bool("fixed_min");
  if (const auto type = get_type(ulq)) blocks.data.dst_type = type->value;
  if (blocks.data.dst_type == DstType::kInt4) ulq.fail_at("dst_type", "activations have to be INT8 or INT16");
  ulq.finish();
  block.finish();
}

void read_weight(Fields block, QuantBlocks& blocks) {
  const bool learned = block.has("ulq_retrain");
  if (learned && block.has("arq_retrain")) block.fail_at("arq_retrain", "excludes ulq_retrain");
  Fields algo = block.fields(learned ? "ulq_retrain" : "arq_retrain");
  if (learned) blocks.algo = WeightsRetrainAlgo::kUlqRetrain;
  if (const Document* const value = algo.find("channel_wise"))
    blocks.channel_wise = {algo.get_bool("channel_wise"), value->position()};
  if (const auto type = get_type(algo)) blocks.weight_dst_type = type->value;
  const bool known = blocks.weight_dst_type == DstType::kInt8 ||
                     (blocks.weight_dst_type == DstType::kInt4 && blocks.data.dst_type == DstType::kInt8);
  if (!known)
    algo.fail_at("dst_type", text("no kernel has ", name_of(blocks.data.dst_type), " activations and ",
                                  name_of(blocks.weight_dst_type), " weights"));
  algo.finish();
  block.finish();
}

QuantBlocks read_blocks(Fields& fields) {
  QuantBlocks blocks;
  const bool has_data = fields.has("retrain_data_quant_config"), has_weight = fields.has("retrain_weight_quant_config");
  blocks.present = has_data || has_weight;
  read_data(fields.fields("retrain_data_quant_config"), blocks);
  read_weight(fields.fields("retrain_weight_quant_config"), blocks);
  return blocks;
}

std::vector<Placed<std::string>> read_names(Fields& fields, std::string_view key) {
  std::vector<Placed<std::string>> names;
  if (!fields.has(key)) return names;
  const std::vector<std::string> values = fields.get_strings(key);
  const Document::List& items = fields.find(key)->items();
  for (std::size_t i = 0; i < values.size(); ++i) names.push_back({values[i], items[i].position()});
  return names;
}

std::vector<QuantOverride> read_overrides(Fields& fields, std::string_view key, std::string_view name_key) {
  std::vector<QuantOverride> overrides;
  std::vector<Fields> list = fields.fields_list(key);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields& one = list[i];
    refuse_pruning(one);
    const Document* const name = one.find(name_key);
    const Position where = name ? name->position() : fields.find(key)->items()[i].position();
    overrides.push_back({{one.get_string(name_key, ""), where}, read_blocks(one)});
    one.finish();
  }
  return overrides;
}

}  // namespace

SimplifiedConfig parse_quant_document(const Document& map) {
  refuse_nulls(map);
  Fields fields(map);
  refuse_pruning(fields);
  SimplifiedConfig config{.position = map.position()};
  config.batch_num = fields.get_int("batch_num", {1, kMaxBatchNum}, config.batch_num);
  config.force_fp16_quant = fields.get_choice<bool>("fakequant_precision_mode", {{"FORCE_FP16_QUANT", true}}, false);
  config.global = read_blocks(fields);
  config.skip_layers = read_names(fields, "skip_layers");
  config.quant_skip_layers = read_names(fields, "quant_skip_layers");
  config.skip_layer_types = read_names(fields, "skip_layer_types");
  config.quant_skip_types = read_names(fields, "quant_skip_types");
  config.override_layer_configs = read_overrides(fields, "override_layer_configs", "layer_name");
  config.override_layer_types = read_overrides(fields, "override_layer_types", "layer_type");
  fields.finish();
  return config;
}

SimplifiedConfig parse_quant_cfg(std::string_view text, std::string source) {
  SimplifiedQuantConfig message;
  return parse_quant_document(parse_protobuf_text(text, std::move(source), message));
}

SimplifiedConfig parse_quant_yaml(std::string_view text, std::string source) {
  return parse_quant_document(parse_yaml(text, std::move(source)));
}

SimplifiedConfig read_simplified_config(const std::filesystem::path& path) {
  const std::string text = read_file(path, DocumentLimits().max_bytes);
  const bool yaml = path.extension() == ".yaml" || path.extension() == ".yml";
  return yaml ? parse_quant_yaml(text, path.string()) : parse_quant_cfg(text, path.string());
}

}  // namespace octet
