// SPDX-License-Identifier: Apache-2.0
// From a range of values to the grid of integers that stands for it.
#pragma once

#include <cstdint>

namespace octet {

/// Smallest scale that is kept, 2^-23: what is below becomes 1.
inline constexpr float kSmallestScale = 0x1p-23F;

/// Integers of `bits` bits, signed: [-half, half - 1].
struct IntegerRange {
  int bits = 8;

  float half() const;
  float low() const;
  float high() const;
  /// high - low, 2^bits - 1: the number of steps.
  float steps() const;
};

/// kAsymmetric: the range, widened to hold 0, covers all integers. kSymmetric: offset 0.
enum class Symmetry { kAsymmetric, kSymmetric };

/// The integer q stands for (q - offset) * scale.
struct ScaleOffset {
  float scale = 1.0F;
  std::int32_t offset = 0;
};

/// The grid for values from min to max. bits is 4, 8 or 16. A scale below kSmallestScale becomes 1 (and an asymmetric
/// offset -half), which happens for an empty range. Throws Error if bits has another value, or if scale or offset is
/// not finite.
ScaleOffset scale_offset(float max, float min, int bits, Symmetry symmetry);

}  // namespace octet
