// SPDX-License-Identifier: Apache-2.0
// parse_quant_retrain_config on arbitrary bytes; what it accepts has to survive being written and read again.
#include "quant_layers.h"

void octet::fuzz(std::string_view bytes) {
  require_readable(parse_quant_retrain_config(bytes, "fuzz", fuzzed_layers()));
}
