// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace octet::test {

/// Whether `text` is what `pattern` describes, in which '*' stands for any characters.
constexpr bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && pattern.front() == text.front() && matches(pattern.substr(1), text.substr(1));
  }
  for (std::size_t skip = 0; skip <= text.size(); ++skip)
    if (matches(pattern.substr(1), text.substr(skip))) return true;
  return false;
}

}  // namespace octet::test
