// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/packed_scale.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace octet::deploy {
namespace {

constexpr std::uint64_t kScaleBits = 0xFFFFE000U;

}  // namespace

std::int64_t pack_scale(float scale, std::optional<float> offset) {
  std::uint64_t packed = (std::bit_cast<std::uint32_t>(scale) & kScaleBits) | std::uint64_t{1} << 46;
  if (offset) {
    const auto rounded = static_cast<std::int64_t>(std::clamp(std::nearbyint(*offset), -256.0F, 255.0F));
    packed |= (static_cast<std::uint64_t>(rounded) & 0x1FFU) << 37;
  }
  return static_cast<std::int64_t>(packed);
}

float unpack_scale(std::int64_t packed) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(packed) & kScaleBits));
}

}  // namespace octet::deploy
