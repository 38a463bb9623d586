// SPDX-License-Identifier: Apache-2.0
#include "shell_quote.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "octet/base/utf8.h"

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._-+:@%,=").find(c) != std::string_view::npos;
}

/// $'...', the quotes that know escapes.
std::string with_escapes(const std::string& word) {
  std::string quoted = "$'";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\')
      quoted += {'\\', c};
    else
      quoted += byte < 0x20 || byte >= 0x7F ? fmt::format("\\{:03o}", byte) : std::string(1, c);
  }
  return quoted + '\'';
}

}  // namespace

std::string shell_quote(const std::filesystem::path& path) {
  std::string word = path.string();
  if (word.starts_with('-')) word.insert(0, "./");
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  if (word.find('\n') != std::string::npos || octet::printable_lines(word) != word) return with_escapes(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + '\'';
}
