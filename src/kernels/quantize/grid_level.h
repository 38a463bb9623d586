// SPDX-License-Identifier: Apache-2.0
// Rounding to a grid of 8 bits by its definition (docs/numerics.md). Whatever does it faster is held against this.
// Private to the room.
#pragma once

#include <cmath>

#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

/// q - zero_point for x on the grid, q in [0, 255]: the whole number nearest to the quotient, half to even. Zero is +0,
/// NaN becomes the lower end.
[[gnu::always_inline]] inline float grid_level(const Int8Scale& s, float x) {
  const auto low = static_cast<float>(-s.zero_point), high = static_cast<float>(255 - s.zero_point);
  float t = x / s.scale;
  t = t > low ? t : low;
  t = t < high ? t : high;
  return std::nearbyint(t) + 0.0F;
}

}  // namespace octet::kernels
