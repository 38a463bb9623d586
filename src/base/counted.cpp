// SPDX-License-Identifier: Apache-2.0
#include "octet/base/counted.h"

namespace octet {

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  std::string name(count == 1 || many.empty() ? one : many);
  if (count != 1 && many.empty()) name += 's';
  return std::to_string(count) + ' ' + name;
}

}  // namespace octet
