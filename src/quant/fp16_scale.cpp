// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/fp16_scale.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "octet/base/float_environment.h"

namespace octet {

float fp16_scale(float scale) {
  const FloatEnvironment numbers;
  constexpr int kDigits = 11;  // float16: 1 + 10 bits
  constexpr float kSmallestNormal = 0x1p-14F, kLargest = 65504.0F;
  const auto rounded = [](float value) {
    int exponent = 0;
    const float fraction = std::frexp(value, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(fraction, kDigits)), exponent - kDigits);
  };
  if (scale >= kSmallestNormal && scale <= kLargest) return rounded(scale);
  const float root = rounded(std::sqrt(scale));
  return root * root;
}

float fp16_factor(float factor) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(factor) & 0xFFFFE000U); }

}  // namespace octet
