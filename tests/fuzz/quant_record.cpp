// SPDX-License-Identifier: Apache-2.0
// parse_record_text on arbitrary bytes; what it accepts has to survive being written and read again.
#include "octet/compat/quant_record.h"
#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  const std::vector<std::string> layers = {"conv1", "conv2", "up", "fc"};
  const QuantRecord record = parse_record_text(bytes, "fuzz", layers);
  try {
    if (parse_record_text(to_record_text(record), "written", layers) != record) std::abort();
  } catch (const Error&) {
    std::abort();
  }
}
