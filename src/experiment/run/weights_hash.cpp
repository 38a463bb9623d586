// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/weights_hash.h"

#include <span>

#include "octet/base/error.h"
#include "octet/base/sha256.h"
#include "octet/nn/state.h"

namespace octet {

std::string weights_hash(Module& module) {
  Sha256 hash;
  for (const StateEntry& entry : named_weights(module)) {
    if (entry.counter) {
      hash.update(text(entry.name, " = ", *entry.counter, '\n'));
    } else {
      hash.update(text(entry.name, ' ', entry.tensor.shape(), '\n'));
      hash.update(std::as_bytes(entry.tensor.values()));
    }
  }
  return hash.hex_digest();
}

}  // namespace octet
