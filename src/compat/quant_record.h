// SPDX-License-Identifier: Apache-2.0
// The record file of Huawei's AMCT: the scales and offsets with which a trained model is deployed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/quant/fp16_scale.h"
#include "octet/quant/retrain_config.h"

namespace octet {

struct QuantRecord {
  struct Layer {
    std::string name;
    float scale_d;               ///< of the input: the integer q stands for (q - offset_d) * scale_d
    std::int32_t offset_d;       ///< within act_type's integers
    std::vector<float> scale_w;  ///< of the weight, one or one per output channel, a BatchNorm's factors included
    DstType act_type = DstType::kInt8, wts_type = DstType::kInt8;
    bool force_fp16_quant = false;  ///< scale_d is what fp16_scale() makes of it
    bool skip_fusion = false;
    std::vector<std::uint32_t> shift_bit{};  ///< carried along

    bool operator==(const Layer&) const = default;
  };
  std::vector<Layer> layers{};

  bool operator==(const QuantRecord&) const = default;
};

/// Protobuf's text form.
std::string to_record_text(const QuantRecord& record);

/// Reads it back. `layers` are the names of the model's quantized layers. Throws Error (source, line, column, key,
/// rule) for another form, a layer that there is not or that is there twice, scales that are not positive and finite,
/// offsets out of range, and weight offsets other than 0.
QuantRecord parse_record_text(std::string_view text, std::string source, std::span<const std::string> layers);
QuantRecord read_record_file(const std::filesystem::path& path, std::span<const std::string> layers);

/// Replaces the file, or leaves it as it was; missing folders are made.
void write_record_file(const std::filesystem::path& path, const QuantRecord& record);

}  // namespace octet
