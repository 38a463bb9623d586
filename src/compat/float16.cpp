// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/float16.h"

#include <bit>
#include <cmath>

namespace octet::deploy {

std::uint16_t float16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint32_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U | (magnitude >> 13 & 0x1FFU));
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // 2^16 and infinity
  std::uint32_t half;
  if (magnitude < 0x38800000U) {
    // Below 2^-14 halves are multiples of 2^-24: adding 0.5 leaves them in the last bits, rounded by the addition.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000U;
  } else {
    half = magnitude - 0x38000000U;                    // the exponent counts from another zero
    half = (half + 0xFFFU + (half >> 13 & 1U)) >> 13;  // ties to even; a carry goes on into the exponent
  }
  return static_cast<std::uint16_t>(sign | half);
}

float float16_value(std::uint16_t bits) {
  const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = bits >> 10 & 0x1F, mantissa = bits & 0x3FF;
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

}  // namespace octet::deploy
