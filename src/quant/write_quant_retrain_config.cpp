// SPDX-License-Identifier: Apache-2.0
// to_json_text() of quant_retrain_config.h.
#include <initializer_list>
#include <string>
#include <utility>

#include "octet/base/file_format.h"
#include "octet/config/document.h"
#include "octet/config/real_text.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {
namespace {

constexpr const char* kBool[] = {"false", "true"};

std::string quoted(std::string_view text) { return to_json(Document(text)); }

// Members below each other, four more columns to the right than the braces at `indent`.
class Object {
 public:
  explicit Object(std::size_t indent) : indent_(indent) {}

  void add(std::string_view key, const std::string& value) {
    text_ += text_.empty() ? "{\n" : ",\n";
    text_.append(indent_ + kStep, ' ').append(quoted(key)).append(":").append(value);
  }
  std::string take() { return std::move(text_.append("\n").append(indent_, ' ').append("}")); }

  static constexpr std::size_t kStep = 4;

 private:
  std::size_t indent_;
  std::string text_;
};

std::string text_of(const LayerRetrainConfig::Data& data, std::size_t indent) {
  Object block(indent);
  block.add("algo", quoted("ulq_quantize"));
  // Clips are float32, written as what they are exactly near to: 0.1 becomes 0.10000000149011612.
  if (data.clip_max) block.add("clip_max", real_text(static_cast<double>(*data.clip_max)));
  if (data.clip_min) block.add("clip_min", real_text(static_cast<double>(*data.clip_min)));
  if (data.fixed_min) block.add("fixed_min", kBool[*data.fixed_min]);
  block.add("dst_type", quoted(name_of(data.dst_type)));
  return block.take();
}

std::string text_of(const LayerRetrainConfig::Weight& weight, std::size_t indent) {
  Object block(indent);
  const bool learned = weight.algo == WeightsRetrainAlgo::kUlqRetrain;
  block.add("algo", quoted(learned ? "ulq_retrain" : "arq_retrain"));
  if (learned) block.add("dst_type", quoted(name_of(weight.dst_type)));
  block.add("channel_wise", kBool[weight.channel_wise]);
  if (!learned) block.add("dst_type", quoted(name_of(weight.dst_type)));
  return block.take();
}

}  // namespace

std::string_view name_of(DstType type) {
  return type == DstType::kInt4 ? "INT4" : type == DstType::kInt8 ? "INT8" : "INT16";
}

std::string to_json_text(const QuantRetrainConfig& config) {
  Object file(0);
  file.add("version", std::to_string(kQuantConfigFormat.newest));
  if (config.force_fp16_quant) file.add("fakequant_precision_mode", quoted("FORCE_FP16_QUANT"));
  file.add("batch_num", std::to_string(config.batch_num));
  for (const LayerRetrainConfig& layer : config.layers) {
    Object block(Object::kStep);
    block.add("retrain_enable", kBool[layer.retrain_enable]);
    block.add("retrain_data_config", text_of(layer.data, 2 * Object::kStep));
    block.add("retrain_weight_config", text_of(layer.weight, 2 * Object::kStep));
    file.add(layer.name, block.take());
  }
  return file.take();
}

}  // namespace octet
