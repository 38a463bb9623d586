// SPDX-License-Identifier: Apache-2.0
// Which layers of a model can be quantized, and why the others cannot.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/graph/graph.h"

namespace octet {

class Module;

/// A Conv2d, ConvTranspose2d or Linear of a model.
struct QuantizableLayer {
  std::string name;  ///< dotted path
  std::string type;  ///< "Conv2d"
  std::int64_t in_channels = 1, groups = 1;
  std::string obstacle = {};  ///< why it cannot be quantized; empty if it can

  bool is_linear() const { return type == "Linear"; }
};

/// Every such layer of `model` in the order of registration. `graph` is a trace of it. A layer can be quantized if it
/// pads with zeros, runs exactly once, and shares its weight with no other. Throws Error if the model already contains
/// QAT layers.
std::vector<QuantizableLayer> find_quantizable_layers(Module& model, const Graph& graph);

/// Layer types that a configuration may name, whether a model has them or not: those of Huawei's AMCT.
std::span<const std::string> quantizable_layer_types();

/// The layer with that name that can be quantized, or null pointer.
const QuantizableLayer* find_layer(std::span<const QuantizableLayer> layers, std::string_view name);

/// For messages: `no layer "conv9" can be quantized; did you mean "conv1"?`, or why the layer of that name cannot.
std::string why_not_quantizable(std::span<const QuantizableLayer> layers, std::string_view name);

}  // namespace octet
