// SPDX-License-Identifier: Apache-2.0
// Activations as 8-bit integers: q = clamp(rint(x / scale) + offset, -128, 127) + 128, true division, half to even. In
// unsigned form, because u8 x s8 is the fast product and what a ReLU leaves then has its zero at 0.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// q stands for (q - zero_point) * scale. 0 <= zero_point <= 255, scale > 0.
struct Int8Scale {
  float scale;
  std::int32_t zero_point;  ///< offset + 128

  friend bool operator==(const Int8Scale&, const Int8Scale&) = default;
};

/// False if some x is not finite; q is then of no use.
bool quantize(std::int64_t n, const Int8Scale& s, const float* x, std::uint8_t* q);
/// x = (q - zero_point) * scale.
void dequantize(std::int64_t n, const Int8Scale& s, const std::uint8_t* q, float* x);

}  // namespace octet::kernels
