// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/real_text.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace octet {

std::string real_text(double value) {
  constexpr int kSmallest = -4, kLargest = 15;  // exponents of what is written without one
  constexpr std::size_t kMost = 40;
  char digits[kMost];
  std::string text(digits, std::to_chars(digits, digits + kMost, value, std::chars_format::scientific).ptr);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;  // nan, inf
  const int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent < kSmallest || exponent > kLargest) return text;
  text.assign(digits, std::to_chars(digits, digits + kMost, value, std::chars_format::fixed).ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string real_text(float value) {
  constexpr std::size_t kMost = 40;
  char digits[kMost];
  *std::to_chars(digits, digits + kMost - 1, value, std::chars_format::scientific).ptr = '\0';
  return real_text(std::strtod(digits, nullptr));
}

}  // namespace octet
