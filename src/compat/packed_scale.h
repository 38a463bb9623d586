// SPDX-License-Identifier: Apache-2.0
// Scales as Huawei's NPUs take them, and torch_npu packs them: a float of 19 bits in a 64-bit word.
#pragma once

#include <cstdint>
#include <optional>

namespace octet::deploy {

/// Bits 13 .. 31: sign, exponent and 10 bits of mantissa of `scale`, the rest cut off. Bit 46 is set. `offset` is
/// rounded (half to even), clamped to [-256, 255] and lies in bits 37 .. 45.
std::int64_t pack_scale(float scale, std::optional<float> offset = {});
/// The scale in bits 13 .. 31; all other bits mean nothing here.
float unpack_scale(std::int64_t packed);

}  // namespace octet::deploy
