// SPDX-License-Identifier: Apache-2.0
// Quantizing sixteen lanes at a time, for the loops that do it on the way. Private to the room.
#pragma once

#include <cstdint>
#include <cstring>

#include "octet/kernels/quantize.h"
#include "octet/kernels/simd.h"

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
  float scale, low, high;  // low and high: ends of the grid as multiples of scale
  std::int32_t zero_point;

  explicit LaneGrid(const Int8Scale& s)
      : scale(s.scale),
        low(static_cast<float>(-s.zero_point)),
        high(static_cast<float>(255 - s.zero_point)),
        zero_point(s.zero_point) {}
};

// Clamps before it rounds: the ends are whole numbers, so the order makes no difference. NaN becomes the lower end.
[[gnu::always_inline]] inline void store_quantized(const LaneGrid& g, const Lanes& x, std::uint8_t* q) {
  Lanes t = x / g.scale;
  t = t > g.low ? t : Lanes{} + g.low;
  t = t < g.high ? t : Lanes{} + g.high;
  t += kRounder;
  IntLanes bits;
  std::memcpy(&bits, &t, sizeof bits);
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
