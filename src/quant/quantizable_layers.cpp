// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/quantizable_layers.h"

#include <algorithm>
#include <array>

#include "octet/base/nearest.h"
#include "octet/base/utf8.h"

namespace octet {

std::span<const std::string> quantizable_layer_types() {
  static const std::array<std::string, 8> kTypes = {"Conv1d",          "Conv2d",          "Conv3d", "Linear",
                                                    "ConvTranspose1d", "ConvTranspose2d", "LSTM",   "GRU"};
  return kTypes;
}

const QuantizableLayer* find_layer(std::span<const QuantizableLayer> layers, std::string_view name) {
  const auto found = std::ranges::find(layers, name, &QuantizableLayer::name);
  return found != layers.end() && found->obstacle.empty() ? &*found : nullptr;
}

std::string why_not_quantizable(std::span<const QuantizableLayer> layers, std::string_view name) {
  std::vector<std::string> names;
  for (const QuantizableLayer& layer : layers) {
    if (layer.name == name) return "the layer " + in_quotes(name) + " cannot be quantized: " + layer.obstacle;
    if (layer.obstacle.empty()) names.push_back(layer.name);
  }
  return "there is no layer " + in_quotes(name) + " that can be quantized" + did_you_mean(name, names);
}

}  // namespace octet
