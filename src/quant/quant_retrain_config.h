// SPDX-License-Identifier: Apache-2.0
// The configuration file: which layers of a model are quantized, and how. JSON, made by create_quant_retrain_config()
// and then perhaps edited by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/quant/quantizable_layers.h"
#include "octet/quant/retrain_config.h"

namespace octet {

/// One layer of the file.
struct LayerRetrainConfig {
  struct Data {
    DstType dst_type = DstType::kInt8;
    std::optional<float> clip_max{}, clip_min{};  ///< both or none
    std::optional<bool> fixed_min{};              ///< none: true if a ReLU feeds the layer
    bool operator==(const Data&) const = default;
  };
  struct Weight {
    WeightsRetrainAlgo algo = WeightsRetrainAlgo::kArqRetrain;
    bool channel_wise = true;
    DstType dst_type = DstType::kInt8;
    bool operator==(const Weight&) const = default;
  };

  std::string name;
  bool retrain_enable = true;
  Data data{};
  Weight weight{};

  bool operator==(const LayerRetrainConfig&) const = default;
};

struct QuantRetrainConfig {
  std::int64_t batch_num = 1;     ///< forwards that IFMR sees
  bool force_fp16_quant = false;  ///< fakequant_precision_mode FORCE_FP16_QUANT
  std::vector<LayerRetrainConfig> layers{};

  bool operator==(const QuantRetrainConfig&) const = default;
};

/// The text of the file, as Huawei's AMCT writes it: byte for byte.
std::string to_json_text(const QuantRetrainConfig& config);

/// Reads the text for a model with these layers. What is missing gets its default, layers that are missing are appended
/// and disabled, keys of a layer that mean nothing are ignored. Throws Error (source, line, column, key, rule) for
/// everything else that is not as it should be: duplicate keys, unknown layers, keys that a block does not have, values
/// of a wrong type or without meaning, pruning keys, no layer enabled.
QuantRetrainConfig parse_quant_retrain_config(std::string_view text, std::string source,
                                              std::span<const QuantizableLayer> layers);
QuantRetrainConfig read_quant_retrain_config(const std::filesystem::path& path,
                                             std::span<const QuantizableLayer> layers);

/// "INT8".
std::string_view name_of(DstType type);

}  // namespace octet
