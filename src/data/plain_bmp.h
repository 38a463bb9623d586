// SPDX-License-Identifier: Apache-2.0
// Private to data: the forms of BMP, as the one that the decoder behind reads right.
#pragma once

#include <string>
#include <string_view>

namespace octet {

struct PlainBmp {
  std::string bytes;   ///< the same picture; empty: the file is no BMP
  int green_bits = 0;  ///< where a pixel has 16 bits: 5 or 6; 0: other sizes, and bit fields that Pillow does not read
};

/// Turns a BMP without compression, of any of its headers, into one with a header of 40 bytes, a palette of all colours
/// (those that the file lacks are black, as in Pillow) and the pixels right behind. Throws Error (source, byte offset)
/// for other forms, and says which are read.
PlainBmp plain_bmp(std::string_view bytes, const std::string& source);

}  // namespace octet
