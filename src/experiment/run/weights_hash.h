// SPDX-License-Identifier: Apache-2.0
// One number for all weights of a network.
#pragma once

#include <string>

#include "octet/nn/module.h"

namespace octet {

/// SHA-256 (hex) over name, shape and values of everything that a weight file holds, in its order (nn/state.h). Equal
/// hashes mean equal bits.
std::string weights_hash(Module& module);

}  // namespace octet
