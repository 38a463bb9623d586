// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/retrain_config.h"

#include <cmath>
#include <initializer_list>
#include <string>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"

namespace octet {
namespace {

using Kind = Document::Kind;

[[noreturn]] void fail_value(const std::string& key, const Document& value, std::string_view rule) {
  fail(value.position().prefix(), printable(key), ": must be ", rule, ", got ", value.describe());
}

// Whether Huawei's AMCT, where any value is true or false, takes it for true.
bool truth(const Document& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return false;
    case Kind::kBool:
      return value.as_bool();
    case Kind::kInteger:
      return value.as_integer() != 0;
    case Kind::kReal:
      return value.as_real() != 0.0;
    case Kind::kString:
      return !value.as_string().empty();
    case Kind::kList:
      return !value.items().empty();
    case Kind::kMap:
      return !value.members().empty();
  }
  return true;
}

// One object of the configuration, and how its keys are called in messages.
class Block {
 public:
  Block(const Document& map, std::string name) : map_(&map), prefix_(name.empty() ? "" : name + '.') {
    if (map.kind() != Kind::kMap) fail_value(name.empty() ? "config" : name, map, "an object");
  }

  const Document* find(std::string_view key) const { return map_->find(key); }
  std::string path(std::string_view key) const { return prefix_ + std::string(key); }

  bool get_truth(std::string_view key, bool fallback) const {
    const Document* const value = find(key);
    return value ? truth(*value) : fallback;
  }

  bool get_bool(std::string_view key, bool fallback) const {
    const Document* const value = find(key);
    if (value && value->kind() != Kind::kBool) fail_value(path(key), *value, "true or false");
    return value ? value->as_bool() : fallback;
  }

  // Which of the names the value is; the first without one.
  std::size_t get_choice(std::string_view key, std::initializer_list<std::string_view> names) const {
    const Document* const value = find(key);
    if (!value) return 0;
    std::string rule;
    for (const std::string_view& name : names) {
      if (value->kind() == Kind::kString && value->as_string() == name)
        return static_cast<std::size_t>(&name - names.begin());
      rule += (rule.empty() ? "" : " or ") + in_quotes(name);
    }
    fail_value(path(key), *value, rule);
  }

  std::int64_t get_count(std::string_view key, std::int64_t fallback) const {
    const Document* const value = find(key);
    if (!value) return fallback;
    const std::int64_t count = value->kind() == Kind::kBool      ? static_cast<std::int64_t>(value->as_bool())
                               : value->kind() == Kind::kInteger ? value->as_integer()
                                                                 : 0;
    if (count <= 0) fail_value(path(key), *value, "an integer above 0");
    return count;
  }

  // The value as float32, in which it must have the sign.
  std::optional<float> get_clip(std::string_view key, bool positive) const {
    const FloatEnvironment numbers;
    const Document* const value = find(key);
    if (!value) return std::nullopt;
    const auto clip = value->kind() == Kind::kReal ? static_cast<float>(value->as_real()) : 0.0F;
    if (!std::isfinite(clip) || (positive ? clip <= 0.0F : clip >= 0.0F))
      fail_value(path(key), *value,
                 positive ? "a real number (1.0, not 1) above 0" : "a real number (-1.0, not -1) below 0");
    return clip;
  }

 private:
  const Document* map_;
  std::string prefix_;
};

RetrainDataConfig read_data(const Block& block) {
  RetrainDataConfig config;
  if (block.get_choice("dst_type", {"INT8", "INT16"}) == 1) config.dst_type = DstType::kInt16;
  config.batch_num = block.get_count("batch_num", config.batch_num);
  config.fixed_min = block.get_bool("fixed_min", config.fixed_min);
  config.clip_min = block.get_clip("clip_min", /*positive=*/false);
  config.clip_max = block.get_clip("clip_max", /*positive=*/true);
  config.asymmetric = block.get_truth("asymmetric", config.asymmetric);
  return config;
}

RetrainWeightConfig read_weight(const Block& block, bool is_linear) {
  RetrainWeightConfig config;
  block.get_choice("dst_type", {"INT8"});
  // AMCT checks this misspelling of the next key, and uses it for nothing.
  block.get_choice("weight_retrain_algo", {"arq_retrain", "ulq_retrain"});
  if (block.get_choice("weights_retrain_algo", {"arq_retrain", "ulq_retrain"}) == 1)
    config.weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain;
  const Document* const channel_wise = block.find("channel_wise");
  if (channel_wise)
    config.channel_wise = is_linear && channel_wise->is_null() ? false : block.get_bool("channel_wise", true);
  config.s_rec_flag = block.get_truth("s_rec_flag", config.s_rec_flag);
  return config;
}

}  // namespace

void check_retrain_config(const RetrainConfig& config, std::string_view layer) {
  const RetrainDataConfig& data = config.retrain_data_config;
  const RetrainWeightConfig& weight = config.retrain_weight_config;
  require(data.dst_type == DstType::kInt8 || data.dst_type == DstType::kInt16, layer,
          ": retrain_data_config.dst_type: must be INT8 or INT16 (", bits_of(data.dst_type), " bits)");
  require(data.batch_num > 0, layer, ": retrain_data_config.batch_num: must be above 0 (batch_num ", data.batch_num,
          ")");
  const float clip_min = data.clip_min.value_or(kDefaultClipMin), clip_max = data.clip_max.value_or(1.0F);
  require(std::isfinite(clip_min) && clip_min < 0.0F, layer,
          ": retrain_data_config.clip_min: must be finite and below 0 (clip_min ", clip_min, ")");
  require(std::isfinite(clip_max) && clip_max > 0.0F, layer,
          ": retrain_data_config.clip_max: must be finite and above 0 (clip_max ", clip_max, ")");
  require(std::isfinite(clip_max - clip_min), layer,
          ": retrain_data_config: clip_max - clip_min must be finite (clip_max ", clip_max, ", clip_min ", clip_min,
          ")");
  require(weight.dst_type == DstType::kInt8 || weight.dst_type == DstType::kInt4, layer,
          ": retrain_weight_config.dst_type: must be INT8 or INT4 (", bits_of(weight.dst_type), " bits)");
}

RetrainConfig parse_retrain_config(std::string_view json, std::string_view layer) {
  const Document document = parse_json(json, std::string(layer) + " config");
  RetrainConfig config;
  if (document.is_null()) return config;
  const Block top(document, "");
  config.retrain_enable = top.get_truth("retrain_enable", config.retrain_enable);
  if (const Document* const data = top.find("retrain_data_config"))
    config.retrain_data_config = read_data(Block(*data, "retrain_data_config"));
  if (const Document* const weight = top.find("retrain_weight_config"))
    config.retrain_weight_config = read_weight(Block(*weight, "retrain_weight_config"), layer == "LinearQAT");
  check_retrain_config(config, layer);
  return config;
}

}  // namespace octet
