// SPDX-License-Identifier: Apache-2.0
#include "columns.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace {

constexpr std::size_t kBarWidth = 24, kSmallestBar = 4;

/// Length of the character at the start of `text`, in bytes.
std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  return bytes;
}

/// The end of a text that fits into `columns`.
std::string_view tail(std::string_view text, std::size_t columns) {
  while (display_width(text) > columns) text.remove_prefix(character_bytes(text));
  return text;
}

}  // namespace

std::size_t window_columns() {
  std::size_t columns = 0;
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0) columns = window.ws_col;
  std::size_t allowed = 0;
  if (const char* const variable = std::getenv("COLUMNS")) {
    const std::string_view digits = variable;
    std::from_chars(digits.data(), digits.data() + digits.size(), allowed);
  }
  if (allowed > 0) columns = columns > 0 ? std::min(columns, allowed) : allowed;
  return columns > 0 ? columns : kTableColumns;
}

std::size_t display_width(std::string_view text) {
  // {fmt} knows how wide characters are, and says so by how many blanks it adds.
  const std::size_t enough = 2 * text.size() + 1;
  return enough - (fmt::format("{:<{}}", text, enough).size() - text.size());
}

std::string cut(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0, width = 0;
  while (bytes < text.size()) {
    const std::size_t next = character_bytes(text.substr(bytes));
    width += display_width(text.substr(bytes, next));
    if (width > columns) break;
    bytes += next;
  }
  return std::string(text.substr(0, bytes));
}

std::string shortened(std::string_view text, std::size_t columns) {
  constexpr std::string_view kDots = "...";
  if (display_width(text) <= columns) return std::string(text);
  if (columns <= kDots.size() + 1) return cut(text, columns);
  const std::size_t left = columns - kDots.size();
  const std::string head = cut(text, left / 2);
  return head + std::string(kDots) + std::string(tail(text, left - display_width(head)));
}

std::string number(double value, std::size_t columns, int decimals) {
  for (; decimals >= 0; --decimals) {
    std::string text = fmt::format("{:.{}f}", value, decimals);
    if (text.size() <= columns) return text;
  }
  return fmt::format("{:.1e}", value);
}

std::string megabytes(double bytes) {
  const bool giga = bytes >= 1e9;
  return number(bytes / (giga ? 1e9 : 1e6), 6, 2) + (giga ? " GB" : " MB");
}

std::string progress_line(const std::string& epoch, double share, const std::string& text, std::size_t columns) {
  // The last column stays free: some terminals wrap as soon as it is written to.
  const std::size_t room = columns > 0 ? columns - 1 : 0;
  const std::string before = fmt::format("{:>{}}  ", epoch, kEpochColumns);
  const std::string after = fmt::format("{:3.0f} %  {}", 100 * share, text);
  const std::size_t rest = display_width(before) + display_width(after) + std::string_view("[] ").size();
  if (rest + kSmallestBar > room) return cut(before + after, room);
  const std::size_t bar = std::min(kBarWidth, room - rest);
  const auto done = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(bar)));
  return fmt::format("{}[{:#<{}}{:.<{}}] {}", before, "", done, "", bar - done, after);
}
