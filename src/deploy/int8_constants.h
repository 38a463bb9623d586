// SPDX-License-Identifier: Apache-2.0
// The numbers of an int8 layer: what its sums are multiplied with and what is added to them. Private to the room.
#pragma once

#include "octet/deploy/program.h"
#include "octet/deploy/quantized_constants.h"
#include "octet/deploy/shared_constants.h"

namespace octet::deploy {

/// Fills in the scales and the integer bias of `conv`, whose weights are set, from the scale of its input, that of its
/// weight and its bias (a value of the graph, or -1). Channels on whose scale a float bias cannot be said get another
/// one, and their weights are rounded to it (kernels/quantize/channel_bias.h), once for all plans of a model. Throws
/// Error for a bias that no scale suits.
void set_int8_constants(Int8Conv& conv, float input_scale, const QuantizedConstant& weight,
                        const ConstantReader& constants, int bias, SharedConstants& shared);

}  // namespace octet::deploy
