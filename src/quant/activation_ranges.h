// SPDX-License-Identifier: Apache-2.0
// What the quantizers of a model's activations do to the values they meet.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "octet/quant/qat_layers.h"

namespace octet {

struct ActivationRange {
  std::string layer;         ///< dotted path of a quantized layer
  UlqGrid grid;              ///< of its input: clips, scale, offset
  std::int64_t values = 0;   ///< that its quantizer met
  std::int64_t clipped = 0;  ///< of these, how many lay beyond the grid

  double clipped_share() const;
};

/// The range of every quantized layer's input, in the order of registration, with counts of the values that `forwards`
/// shows the model by running it. The model computes what it computes otherwise. Layers that share a quantizer have its
/// counts. Throws Error while the first clips are still being found.
std::vector<ActivationRange> activation_ranges(Module& model, const std::function<void()>& forwards);

}  // namespace octet
