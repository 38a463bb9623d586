// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/retrain_report.h"

#include <algorithm>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

// Below, int8 kernels pad channels, and 8 bits of a few large values cost accuracy: the reference advises against it.
constexpr std::int64_t kFewChannels = 16;

}  // namespace

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
    if (enabled && layer.in_channels <= kFewChannels)
      report.warnings.push_back(text(printable(layer.name), ": quantizing a layer with ", layer.in_channels,
                                     " input channels is not recommended (", kFewChannels, " or fewer)"));
  }
  return report;
}

}  // namespace octet
