// SPDX-License-Identifier: Apache-2.0
// parse_yaml on arbitrary bytes; what it accepts has to be writable as JSON.
#include "fuzz_target.h"
#include "octet/config/document.h"

void octet::fuzz(std::string_view bytes) {
  const std::string written = to_json(parse_yaml(bytes, "fuzz"));
  parse_json(written, "written");
}
