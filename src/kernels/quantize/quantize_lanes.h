// SPDX-License-Identifier: Apache-2.0
// Quantizing sixteen lanes at a time, for the loops that do it on the way. Private to the room.
#pragma once

#include <cstdint>
#include <cstring>

#include "octet/kernels/core/simd.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

typedef std::int32_t IntLanes __attribute__((vector_size(64)));
typedef std::uint8_t ByteLanes __attribute__((vector_size(16)));

// Adding and subtracting this rounds what is below 2^22 to whole numbers, half to even; in between, the low bits are
// the whole number itself. (No rint() here: vector types of the compiler have none.)
inline constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23
inline constexpr std::int32_t kRounderBits = 0x4B400000;

// Rounds to whole numbers; |t| < 2^22.
[[gnu::always_inline]] inline void round(const Lanes& t, Lanes& rounded) { rounded = (t + kRounder) - kRounder; }

struct LaneGrid {
  float scale, reciprocal, low, high;  // low and high: ends of the grid as multiples of scale
  float sure;  // x * reciprocal rounds like x / scale where it is no farther (squared) from a whole number
  std::int32_t zero_point;

  explicit LaneGrid(const Int8Scale& s)
      : scale(s.scale),
        reciprocal(1.0F / s.scale),
        low(static_cast<float>(-s.zero_point)),
        high(static_cast<float>(255 - s.zero_point)),
        // The two differ by three roundings of what is below 256, which makes less than 5e-5.
        sure(s.scale > 0x1p-100F && s.scale < 0x1p100F ? 0.4999F * 0.4999F : -1.0F),
        zero_point(s.zero_point) {}
};

// Through their sign bits: comparisons would be taken apart by GCC 12.
[[gnu::always_inline]] inline bool any_negative(const Lanes& v) {
  IntLanes bits;
  std::memcpy(&bits, &v, sizeof bits);
  const ByteLanes bytes = __builtin_convertvector(bits >> 31, ByteLanes);
  std::uint64_t halves[2];
  std::memcpy(halves, &bytes, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// Clamps before it rounds: the ends are whole numbers, so the order makes no difference. NaN becomes the lower end.
[[gnu::always_inline]] inline void hold_and_round(const LaneGrid& g, Lanes& t, Lanes& rounded) {
  t = t > g.low ? t : Lanes{} + g.low;
  t = t < g.high ? t : Lanes{} + g.high;
  rounded = t + kRounder;
}

// Divides only where a product could round to the other side.
[[gnu::always_inline]] inline void store_quantized(const LaneGrid& g, const Lanes& x, std::uint8_t* q) {
  Lanes t = x * g.reciprocal, rounded;
  hold_and_round(g, t, rounded);
  const Lanes away = t - (rounded - kRounder);
  if (any_negative(g.sure - away * away)) {
    t = x / g.scale;
    hold_and_round(g, t, rounded);
  }
  IntLanes bits;
  std::memcpy(&bits, &rounded, sizeof bits);
  const ByteLanes bytes = __builtin_convertvector(bits - kRounderBits + g.zero_point, ByteLanes);
  std::memcpy(q, &bytes, sizeof bytes);
}

[[gnu::always_inline]] inline void load_quantized(const std::uint8_t* q, float zero_point, float scale, Lanes& x) {
  ByteLanes bytes;
  std::memcpy(&bytes, q, sizeof bytes);
  x = (__builtin_convertvector(__builtin_convertvector(bytes, IntLanes), Lanes) - zero_point) * scale;
}

// `sum` of x - x over finite values is zero, over others NaN.
[[gnu::always_inline]] inline bool all_zero(const Lanes& sum) {
  bool zero = true;
  for (std::int64_t i = 0; i < kLanes; ++i) zero &= sum[i] == 0.0F;
  return zero;
}

}  // namespace octet::kernels
