// SPDX-License-Identifier: Apache-2.0
// UTF-8: the check that every text has to pass on its way in and out, and how texts from outside are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace octet {

/// Offset of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF); std::string_view::npos if there is none.
std::size_t invalid_utf8_at(std::string_view text);

/// The first character of `text`, which is not empty.
struct Character {
  std::size_t length = 0;  ///< bytes; 0 if there is no well-formed character
  std::uint32_t code = 0;  ///< Unicode's number
};
Character first_character(std::string_view text);

/// Whether a character says something to the terminal instead of the reader: control characters (escape, DEL and U+0080
/// to U+009F among them), and what breaks lines or turns the direction of text (U+202E).
bool is_control(std::uint32_t code);

/// A text from outside for a message or a terminal: names of classes, layers, nodes, folders, files and keys, and
/// values of files. Control characters become \x1b or \u202e, bytes that are not UTF-8 \xNN. Of more than 200
/// characters the middle is left out: "aaaa...zzzz (12345 characters)".
std::string printable(std::string_view text);

/// The same for a message of several lines: line breaks stay, and nothing is left out.
std::string printable_lines(std::string_view message);

/// printable() in double quotes.
std::string in_quotes(std::string_view text);

}  // namespace octet
