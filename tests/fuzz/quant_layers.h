// SPDX-License-Identifier: Apache-2.0
// The model that configurations and records in the fuzzers speak of, and what an accepted configuration has to survive.
#pragma once

#include <string>
#include <vector>

#include "fuzz_target.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {

inline const std::vector<QuantizableLayer>& fuzzed_layers() {
  static const std::vector<QuantizableLayer> kLayers = {
      {.name = "conv1", .type = "Conv2d", .in_channels = 3},
      {.name = "conv2", .type = "Conv2d", .in_channels = 16, .groups = 2},
      {.name = "reused", .type = "Conv2d", .in_channels = 16, .obstacle = "it runs 2 times"},
      {.name = "up", .type = "ConvTranspose2d", .in_channels = 16},
      {.name = "fc", .type = "Linear", .in_channels = 8}};
  return kLayers;
}

/// Aborts unless the text of the configuration reads as the same configuration.
inline void require_readable(const QuantRetrainConfig& config) {
  try {
    if (parse_quant_retrain_config(to_json_text(config), "written", fuzzed_layers()) != config) std::abort();
  } catch (const Error&) {
    std::abort();
  }
}

}  // namespace octet
