// SPDX-License-Identifier: Apache-2.0
// parse_quant_yaml on arbitrary bytes as YAML; what it accepts and can be applied has to survive being written and read
// again.
#include "octet/compat/simplified_config.h"
#include "quant_layers.h"

void octet::fuzz(std::string_view bytes) {
  std::vector<std::string> warnings;
  require_readable(apply_simplified_config(parse_quant_yaml(bytes, "fuzz"), fuzzed_layers(), warnings));
}
