// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/retrain_report.h"

#include <algorithm>

namespace octet {

QuantRetrainReport retrain_report(std::span<const QuantizableLayer> layers, const QuantRetrainConfig& config) {
  QuantRetrainReport report;
  for (const QuantizableLayer& layer : layers) {
    const auto found = std::ranges::find(config.layers, layer.name, &LayerRetrainConfig::name);
    const bool enabled = layer.obstacle.empty() && found != config.layers.end() && found->retrain_enable;
    report.layers.push_back({.name = layer.name,
                             .type = layer.type,
                             .quantized = enabled,
                             .reason = enabled                  ? ""
                                       : layer.obstacle.empty() ? "the configuration skips it"
                                                                : layer.obstacle});
  }
  return report;
}

}  // namespace octet
