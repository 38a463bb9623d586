// SPDX-License-Identifier: Apache-2.0
// Private to data: does the outer form of a PNG file hold, before a lenient decoder sees it?
#pragma once

#include <string>
#include <string_view>

namespace octet {

/// Walks the chunks of a PNG to its end. Throws Error (source, byte offset) if one is cut off or fails its checksum, if
/// they are not in an order or the header not of a kind that PNG allows, and if there is no data. Other files pass.
void check_png_structure(std::string_view bytes, const std::string& source);

/// A copy of a PNG that passed, without its IDAT chunks of no bytes, which PNG allows and stb_image does not expect
/// (it copies to null). Empty if there are none, and for other files.
std::string without_empty_png_data(std::string_view bytes);

}  // namespace octet
