// SPDX-License-Identifier: Apache-2.0
#include "octet/base/utf8.h"

#include <cstdint>

namespace octet {
namespace {

bool is_continuation(std::uint8_t byte) { return (byte & 0xC0) == 0x80; }

/// Appends the character at the start of `text`, escaped if it has to be. Returns how many bytes it has.
std::size_t append_first(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  const Character first = first_character(text);
  if (first.length > 0 && !is_control(first.code)) {
    out += text.substr(0, first.length);
    return first.length;
  }
  if (first.length > 1) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[first.code >> shift & 15];
    return first.length;
  }
  const auto byte = static_cast<std::uint8_t>(text.front());
  out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  return 1;
}

}  // namespace

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  std::uint32_t code = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(byte(i))) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? Character{} : Character{length, code};
}

std::size_t invalid_utf8_at(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = first_character(text.substr(i)).length;
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

bool is_control(std::uint32_t code) {
  const auto within = [&](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
  const bool direction = code == 0x061C || within(0x200E, 0x200F) || within(0x202A, 0x202E) || within(0x2066, 0x2069);
  return code < 0x20 || within(0x7F, 0x9F) || direction || within(0x2028, 0x2029) || code == 0xFEFF;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 200, kLast = 60;
  // Where the last characters begin: known once all are counted.
  std::size_t starts[kLast] = {}, count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    starts[count % kLast] = i;
    const std::size_t length = first_character(text.substr(i)).length;
    i += length > 0 ? length : 1;
  }
  std::string out;
  std::size_t i = 0;
  for (std::size_t n = 0; i < text.size() && (count <= kMost || n < kMost - kLast); ++n)
    i += append_first(out, text.substr(i));
  if (count <= kMost) return out;
  out += "...";
  for (i = starts[count % kLast]; i < text.size();) i += append_first(out, text.substr(i));
  return out + " (" + std::to_string(count) + " characters)";
}

std::string printable_lines(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (std::size_t i = 0; i < message.size();) {
    if (message[i] == '\n')
      out += message[i++];
    else
      i += append_first(out, message.substr(i));
  }
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }

}  // namespace octet
