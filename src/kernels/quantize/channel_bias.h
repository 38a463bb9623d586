// SPDX-License-Identifier: Apache-2.0
// The integer bias of an int8 layer's output channel, and the scale on which it says what the float bias said.
#pragma once

#include <cstdint>

namespace octet::kernels {

struct ChannelBias {
  float weight_scale;  ///< the channel's weights are on this scale
  float integer;       ///< rint(bias / (input_scale * weight_scale)), as float

  bool fits_int32() const { return integer >= -0x1p31F && integer < 0x1p31F; }
};

/// `weights`: the sum of |q| over the channel's weights on `weight_scale`. Nearly always that scale stays. Where the
/// product of the scales is no normal float, the bias and the sums do not fit int32 together, or the weights are all 0
/// and the bias would be rounded to less than float precision, it becomes one that suits the bias (see
/// docs/numerics.md), and the weights have to be rounded to it. Integers beyond int32 are left only where no scale
/// helps: input_scale below 2^-30 with a bias above 2^98, or a bias that is not finite.
ChannelBias channel_bias(float input_scale, float weight_scale, float bias, std::int64_t weights);

}  // namespace octet::kernels
