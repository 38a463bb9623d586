// SPDX-License-Identifier: Apache-2.0
// The simplified configuration: what people write by hand, the quant.cfg of Huawei's AMCT or the same in YAML, and how
// it becomes a configuration of every layer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/config/document.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {

/// A value of a file and where it stood.
template <typename T>
struct Placed {
  T value;
  Position position;
};

/// retrain_data_quant_config and retrain_weight_quant_config, which go together.
struct QuantBlocks {
  bool present = false;  ///< at least one of them is there
  LayerRetrainConfig::Data data{};
  WeightsRetrainAlgo algo = WeightsRetrainAlgo::kArqRetrain;
  DstType weight_dst_type = DstType::kInt8;
  std::optional<Placed<bool>> channel_wise{};  ///< none: true, for Linear false
};

struct QuantOverride {
  Placed<std::string> name;  ///< layer_name or layer_type
  QuantBlocks blocks;
};

struct SimplifiedConfig {
  Position position{};  ///< of the whole
  std::int64_t batch_num = 1;
  bool force_fp16_quant = false;
  QuantBlocks global{};
  std::vector<Placed<std::string>> skip_layers{}, quant_skip_layers{};      ///< names
  std::vector<Placed<std::string>> skip_layer_types{}, quant_skip_types{};  ///< types
  std::vector<QuantOverride> override_layer_configs{}, override_layer_types{};
};

/// Read protobuf's text form, and YAML with the same keys, where what may be repeated is a list. Throw Error (source,
/// line, column, key, rule) for what is not of that form, unknown keys, values without meaning, and pruning keys.
SimplifiedConfig parse_quant_cfg(std::string_view text, std::string source);
SimplifiedConfig parse_quant_yaml(std::string_view text, std::string source);
/// The same from a map that was read already, as a part of another file.
SimplifiedConfig parse_quant_document(const Document& map);
/// One of the two: .yaml and .yml are YAML.
SimplifiedConfig read_simplified_config(const std::filesystem::path& path);

/// What the configuration says of each layer that can be quantized. The first of these that names a layer counts, and
/// none inherits from the next: override_layer_configs, override_layer_types, the skip lists (the layer is disabled),
/// the blocks at the top. INT4 weights become INT8 in grouped and in odd layers; that and names that are listed twice
/// are told in `warnings`. Throws Error (position, key, name, nearest name) for names and types that there are not, a
/// second override of one name, channel_wise reaching a Linear layer that is enabled, and if every layer is disabled.
QuantRetrainConfig apply_simplified_config(const SimplifiedConfig& config, std::span<const QuantizableLayer> layers,
                                           std::vector<std::string>& warnings);

}  // namespace octet
