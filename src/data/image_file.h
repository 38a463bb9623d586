// SPDX-License-Identifier: Apache-2.0
// Reading PNG, JPEG and BMP files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "octet/data/image.h"

namespace octet {

/// What an image file may cost at most; checked before its pixels are decoded.
struct ImageLimits {
  std::uint64_t max_file_bytes = std::uint64_t{32} << 20;
  std::int64_t max_height = 8192, max_width = 8192;

  /// Throws Error, naming `source`, for an image without pixels or with more than these.
  void check(std::int64_t height, std::int64_t width, const std::string& source) const;
};

/// Decodes a PNG, JPEG or BMP file that lies in memory, to `channels` = 1 (grey) or 3 (red, green, blue); other colour
/// models are converted, colours to grey as Pillow's convert("L") does; transparency is dropped, 16-bit samples lose
/// their lower half. Of BMP, all forms without compression are read; an index without a colour is black. `source` names
/// the file in errors. Throws Error for another format, for sizes beyond `limits`, and for truncated or damaged files
/// (a PNG by its checksums, a JPEG where its decoder sees it).
Image decode_image(std::string_view bytes, std::int64_t channels, const std::string& source,
                   const ImageLimits& limits = {});

/// Reads and decodes a file.
Image read_image(const std::filesystem::path& path, std::int64_t channels, const ImageLimits& limits = {});

}  // namespace octet
