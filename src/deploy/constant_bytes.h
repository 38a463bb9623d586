// SPDX-License-Identifier: Apache-2.0
// What steps copy of a model's constants. Private to the room.
#pragma once

#include "octet/deploy/program.h"

namespace octet::deploy {

/// Bytes of the scales, biases and windows that a step has for itself; weights are shared.
std::int64_t constant_bytes(const Work& work);

}  // namespace octet::deploy
