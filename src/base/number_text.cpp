// SPDX-License-Identifier: Apache-2.0
#include "octet/base/number_text.h"

#include <charconv>
#include <cmath>

namespace octet {

std::string shortest_text(double value) {
  if (std::isnan(value)) return "nan";
  char digits[32];
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";  // the n is that of "inf"
  return text;
}

}  // namespace octet
