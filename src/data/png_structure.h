// SPDX-License-Identifier: Apache-2.0
// Private to data: does the outer form of a PNG file hold, before a lenient decoder sees it?
#pragma once

#include <string>
#include <string_view>

namespace octet {

/// Walks the chunks of a PNG to its end. Throws Error (source, byte offset) if one is cut off or fails its checksum, if
/// they are not in an order or the header not of a kind that PNG allows, if there is no data, and if there is no
/// palette where the data needs one. Other files pass.
void check_png_structure(std::string_view bytes, const std::string& source);

/// A copy of a PNG that passed, as stb_image can read it: without IDAT chunks of no bytes, which PNG allows (stb_image
/// copies them to null), and with 256 colours in a palette, where those that the file lacks are black, as in Pillow
/// (in stb_image they are what memory held). Empty if the file needs none of this, and for other files.
std::string mended_png(std::string_view bytes);

}  // namespace octet
