// SPDX-License-Identifier: Apache-2.0
// ULQ: activations on a grid between two learned clips.
#pragma once

#include "octet/autograd/integers.h"
#include "octet/quant/scale_offset.h"

namespace octet {

struct Clips {
  float max, min;
};

/// `now` with what learning broke replaced by the values of the forward before: both where hardly anything lies between
/// them (max - min <= 2^-23), else a max below 0 or a min above 0. With `fixed_min`, min counts as 0.
Clips usable_clips(const Clips& now, const Clips& before, bool fixed_min);

/// What one forward quantizes with.
struct UlqGrid {
  Clips clips;
  ScaleOffset grid;
  int bits;
};
/// Throws Error as scale_offset().
UlqGrid ulq_grid(const Clips& clips, int bits, Symmetry symmetry);

/// x^ = (clamp(rint(x / scale) + offset) - offset) * scale. The values of clip_max and clip_min (scalars; undefined:
/// not learned) are not read, they receive the gradients: with t = (x held by the clips) / scale and
/// e = (rint(t) - t) / (2^bits - 1), clip_max gets the sum of (e + [x above the grid]) dy, clip_min the sum of
/// ([x below the grid] - e) dy, and x gets dy where it is on the grid, else 0.
/// Throws Error, in the name of `layer`, if x is not finite.
Tensor ulq_activation(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                      const UlqGrid& grid, Readers readers = Readers::kMany);

}  // namespace octet
