// SPDX-License-Identifier: Apache-2.0
#include "octet/config/real_text.h"

#include <charconv>
#include <string_view>

#include "octet/base/float_environment.h"

namespace octet {

std::string real_text(double value) {
  constexpr int kSmallest = -4, kLargest = 15;  // exponents of what is written without one
  constexpr std::size_t kMost = 40;
  char digits[kMost];
  std::string text(digits, std::to_chars(digits, digits + kMost, value, std::chars_format::scientific).ptr);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;  // nan, inf
  int exponent = 0;
  const char* const sign = text.data() + e + 1;  // which is always there, and from_chars knows no plus
  std::from_chars(sign + (*sign == '+'), text.data() + text.size(), exponent);
  if (exponent < kSmallest || exponent > kLargest) return text;
  text.assign(digits, std::to_chars(digits, digits + kMost, value, std::chars_format::fixed).ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string real_text(float value) {
  const FloatEnvironment numbers;
  constexpr std::size_t kMost = 40;
  char digits[kMost];
  const char* const end = std::to_chars(digits, digits + kMost, value, std::chars_format::scientific).ptr;
  double shortest = 0;
  std::from_chars(digits, end, shortest);
  return real_text(shortest);
}

}  // namespace octet
