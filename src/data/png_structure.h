// SPDX-License-Identifier: Apache-2.0
// Private to data: does the outer form of a PNG file hold, before a lenient decoder sees it?
#pragma once

#include <string>
#include <string_view>

namespace octet {

/// Walks the chunks of a PNG to its end. Throws Error (source, byte offset) if one is cut off or fails its checksum.
/// Other files pass.
void check_png_structure(std::string_view bytes, const std::string& source);

}  // namespace octet
