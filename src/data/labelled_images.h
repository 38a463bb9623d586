// SPDX-License-Identifier: Apache-2.0
// Images of one size with their labels, as the file readers deliver them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace octet {

/// A file of images: from which of all images on they are its own.
struct ImagesFile {
  std::string path;
  std::int64_t first = 0;
};

/// `labels.size()` images of height * width * channels bytes each, one behind the other, in the order of Image::pixels.
struct LabelledImages {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels = {};
  std::vector<std::int64_t> labels = {};
  std::vector<ImagesFile> files = {};  ///< where they come from, in order, for messages; may be empty
};

}  // namespace octet
