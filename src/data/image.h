// SPDX-License-Identifier: Apache-2.0
// Image: 8-bit pixels with their size.
#pragma once

#include <cstdint>
#include <vector>

namespace octet {

/// Pixels in rows from the top, channels together: the value of (y, x, c) is pixels[(y * width + x) * channels + c].
struct Image {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels = {};

  friend bool operator==(const Image&, const Image&) = default;
};

}  // namespace octet
