// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/packed_scale.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "octet/quant/fp16_scale.h"

namespace octet::deploy {

std::int64_t pack_scale(float scale, std::optional<float> offset) {
  std::uint64_t packed = std::bit_cast<std::uint32_t>(fp16_factor(scale)) | std::uint64_t{1} << 46;
  if (offset) {
    const auto rounded = static_cast<std::int64_t>(std::clamp(std::nearbyint(*offset), -256.0F, 255.0F));
    packed |= (static_cast<std::uint64_t>(rounded) & 0x1FFU) << 37;
  }
  return static_cast<std::int64_t>(packed);
}

float unpack_scale(std::int64_t packed) {
  return fp16_factor(std::bit_cast<float>(static_cast<std::uint32_t>(packed)));
}

}  // namespace octet::deploy
