// SPDX-License-Identifier: Apache-2.0
// What a configuration does to the layers of a model.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "octet/graph/obstacle.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {

/// What happens to the layers of a model, and what its owner should know.
struct QuantRetrainReport {
  struct Layer {
    std::string name, type;
    bool quantized;
    std::string reason;  ///< why it is not quantized; empty if it is
  };
  std::vector<Layer> layers;          ///< every Conv2d, ConvTranspose2d and Linear, in the order of registration
  std::vector<std::string> warnings;  ///< one sentence each, obstacles among them
  /// Everything that could be trained, but not saved or deployed afterwards; empty if nothing stands in the way.
  std::vector<Obstacle> obstacles = {};
};

/// The report without warnings and obstacles.
QuantRetrainReport retrain_report(std::span<const QuantizableLayer> layers, const QuantRetrainConfig& config);

}  // namespace octet
