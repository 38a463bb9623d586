// SPDX-License-Identifier: Apache-2.0
// How one layer is quantized. Names, defaults and values are those of the configuration's keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace octet {

/// The integers that stand for values; its value is their number of bits.
enum class DstType : int { kInt4 = 4, kInt8 = 8, kInt16 = 16 };
constexpr int bits_of(DstType type) { return static_cast<int>(type); }

/// kArqRetrain: the scale follows from the largest weight. kUlqRetrain: the scale starts there and is learned.
enum class WeightsRetrainAlgo { kArqRetrain, kUlqRetrain };

inline constexpr float kDefaultClipMin = -1.0F;

/// Activations: learned clips (ULQ). Without clip_max both clips are found in the first batch_num forwards (IFMR), and
/// clip_min is not used; a given clip is only where learning starts.
struct RetrainDataConfig {
  DstType dst_type = DstType::kInt8;  ///< kInt8 or kInt16
  std::int64_t batch_num = 1;         ///< > 0
  bool fixed_min = false;             ///< clip_min is 0 and not learned: for inputs that come from a ReLU
  std::optional<float> clip_max{};    ///< > 0
  std::optional<float> clip_min{};    ///< < 0, default kDefaultClipMin
  bool asymmetric = true;             ///< false: the offset is 0
};

struct RetrainWeightConfig {
  DstType dst_type = DstType::kInt8;  ///< kInt8 or kInt4
  WeightsRetrainAlgo weights_retrain_algo = WeightsRetrainAlgo::kArqRetrain;
  /// A scale per output channel instead of one. Default: true, for Linear false.
  std::optional<bool> channel_wise{};
  bool s_rec_flag = false;  ///< kUlqRetrain learns 1/scale instead of scale
};

struct RetrainConfig {
  bool retrain_enable = true;  ///< false: the float layer
  RetrainDataConfig retrain_data_config{};
  RetrainWeightConfig retrain_weight_config{};
};

/// Throws Error, in the name of `layer` ("Conv2dQAT"), for a value that has no meaning: layer, key, rule and value.
void check_retrain_config(const RetrainConfig& config, std::string_view layer);

/// Reads JSON: an object with the keys above, all optional, or null. What Huawei's AMCT accepts is accepted: other keys
/// are ignored, retrain_enable, asymmetric and s_rec_flag count by truth value, batch_num true is 1, clips must be
/// written as reals (1.0), and for LinearQAT channel_wise null is false. Throws Error: layer, position, key, rule.
RetrainConfig parse_retrain_config(std::string_view json, std::string_view layer);

}  // namespace octet
