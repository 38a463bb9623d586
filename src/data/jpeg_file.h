// SPDX-License-Identifier: Apache-2.0
// Private to data: reading JPEG files, by libjpeg.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "octet/data/image_file.h"

namespace octet {

/// Does a file start as a JPEG does?
bool is_jpeg(std::string_view bytes);

/// Decodes a JPEG to `channels` = 1 or 3, with the pixels that other programs with libjpeg's defaults give (Pillow, so
/// torchvision). Throws Error (source, near which byte) where an image is larger than `limits`, truncated or damaged as
/// far as the decoder sees it. Bytes that nobody refers to, between the parts of a file or behind it, are not damage:
/// some cameras leave them.
Image decode_jpeg(std::string_view bytes, std::int64_t channels, const std::string& source, const ImageLimits& limits);

}  // namespace octet
