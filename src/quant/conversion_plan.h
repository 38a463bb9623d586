// SPDX-License-Identifier: Apache-2.0
// What becomes of each layer when a model is converted, read from its graph: which BatchNorm moves into it, what its
// input comes from, with whom it shares a quantizer. Plain data; convert_model() carries it out.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "octet/graph/graph.h"
#include "octet/quant/quant_retrain_config.h"
#include "octet/quant/retrain_config.h"

namespace octet {

struct LayerConversion {
  std::string name;
  RetrainConfig config;         ///< complete: batch_num and fixed_min are decided
  std::string batch_norm = {};  ///< path of the BatchNorm2d that alone reads the layer's output, or ""
  /// The layer whose activation quantizer this one uses: itself, or an earlier one with the same input tensor and the
  /// same retrain_data_config.
  std::string quantizer_owner = {};
  /// If the layer owns the quantizer of a tensor that others read as floats, a shortcut: the path of the module whose
  /// input that tensor is, so that it can be quantized on the way in; else "".
  std::string shortcut_slot = {};
};

/// A plan for each enabled layer, in the order of `layers`. `graph` is a trace of the model, `batch_norms` are the
/// paths of its BatchNorm2d modules. fixed_min is what `config` says, or true if a ReLU computes the layer's input.
/// Only a Conv2d takes a BatchNorm in, and only one that runs once.
std::vector<LayerConversion> plan_conversion(const Graph& graph, const QuantRetrainConfig& config,
                                             std::span<const QuantizableLayer> layers,
                                             std::span<const std::string> batch_norms);

}  // namespace octet
