// SPDX-License-Identifier: Apache-2.0
// Private to data: does the outer form of a PNG or JPEG file hold, before a lenient decoder sees it?
#pragma once

#include <string>
#include <string_view>

namespace octet {

/// Walks the chunks of a PNG to its end. Throws Error (source, byte offset) if one is cut off or fails its checksum.
/// Other files pass.
void check_png_structure(std::string_view bytes, const std::string& source);

/// Walks the segments and scans of a JPEG to its end. Throws Error (source, byte offset) if one is cut off, unknown or
/// damaged: stb_image from 2.28 on takes what it decoded up to such a segment for the image. Also if a Huffman table
/// has more than 255 codes (encoders of 8-bit images never need more than 177): stb_image before 2.28 reads outside of
/// its tables for 256, and writes there for more. Other files pass.
void check_jpeg_structure(std::string_view bytes, const std::string& source);

}  // namespace octet
