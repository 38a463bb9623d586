// SPDX-License-Identifier: Apache-2.0
// parse_json on arbitrary bytes; what it accepts has to survive being written and read again.
#include "fuzz_target.h"
#include "octet/config/document.h"

void octet::fuzz(std::string_view bytes) {
  const std::string once = to_json(parse_json(bytes, "fuzz"));
  const std::string twice = to_json(parse_json(once, "written"));
  if (once != twice) std::abort();
}
