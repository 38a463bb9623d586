// SPDX-License-Identifier: Apache-2.0
// Images of one size with their labels, as the file readers deliver them.
#pragma once

#include <cstdint>
#include <vector>

namespace octet {

/// `labels.size()` images of height * width * channels bytes each, one behind the other, in the order of Image::pixels.
struct LabelledImages {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels = {};
  std::vector<std::int64_t> labels = {};
};

}  // namespace octet
