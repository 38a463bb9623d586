// SPDX-License-Identifier: Apache-2.0
// A trained layer as the integers that run once it is deployed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "octet/kernels/quantize/fake_quant.h"

namespace octet {

/// What a BatchNorm makes of its input in evaluation: (x - mean) * factor + beta, factor = gamma / sqrt(var + eps).
struct FoldedNorm {
  std::vector<float> factor, mean, beta;  ///< one per output channel
};

/// weight = clamp(rint(w * factor / scale), low, high) of `bits` bits, scale = |weight scale| * |factor|, or what
/// kernels::channel_bias() makes of it where that does not suit the bias (gamma 0, a filter of zeros); bias = rint(b /
/// (scale of the input * scale)) for b = (bias - mean) * factor + beta.
struct IntegerLayer {
  std::vector<std::int8_t> weight;              ///< row-major, as the float weight
  std::vector<float> scales;                    ///< one per output channel
  std::vector<std::int32_t> bias;               ///< one per output channel
  std::vector<float> float_weight, float_bias;  ///< what was rounded: w * factor and b
};

/// `weight_scales`: one or one per output channel; `bits`: 4 or 8; `bias` may be empty. Throws Error, in the name of
/// `layer`, if something is not finite.
IntegerLayer integer_layer(const char* layer, const kernels::ChannelView& view, std::span<const float> weight,
                           std::span<const float> weight_scales, int bits, std::span<const float> bias,
                           const FoldedNorm* norm, float input_scale);

}  // namespace octet
