// SPDX-License-Identifier: Apache-2.0
// Private to data: the one weighting of colours for images that are read as grey.
#pragma once

#include <cstdint>

namespace octet {

/// 0.299 red + 0.587 green + 0.114 blue in 16-bit fixed point, rounded: Pillow's convert("L"), so torchvision's
/// Grayscale.
inline std::uint8_t grey_of(std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
  return static_cast<std::uint8_t>((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

}  // namespace octet
