// SPDX-License-Identifier: Apache-2.0
// UTF-8: the check that every text has to pass on its way in and out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace octet {

/// Offset of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF); std::string_view::npos if there is none.
std::size_t invalid_utf8_at(std::string_view text);

/// `text` in double quotes for a message: control characters and bytes that are not UTF-8 become \xNN, and a long text
/// is cut at a character after about 60 bytes, with "..." behind the quote.
std::string in_quotes(std::string_view text);

}  // namespace octet
