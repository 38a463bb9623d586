// SPDX-License-Identifier: Apache-2.0
// parse_idx on arbitrary bytes; what it accepts has as many values as its shape says.
#include "octet/data/idx.h"
#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  const IdxArray array = parse_idx(bytes, "fuzz");
  if (element_count(array.shape) != static_cast<std::int64_t>(array.values.size())) std::abort();
}
