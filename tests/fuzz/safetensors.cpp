// SPDX-License-Identifier: Apache-2.0
// safetensors::File::parse on arbitrary bytes; what it accepts has readable values, exactly as many as its shape says.
#include "octet/nn/safetensors.h"

#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  const safetensors::File file = safetensors::File::parse(std::string(bytes), "fuzz");
  for (const safetensors::Entry& entry : file.entries()) {
    const auto count = static_cast<std::size_t>(element_count(entry.shape));
    if (safetensors::File::is_float(entry.type) && file.floats(entry).size() != count) std::abort();
    if (entry.type == safetensors::Type::kI64 && file.integers(entry).size() != count) std::abort();
  }
}
