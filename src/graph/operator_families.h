// SPDX-License-Identifier: Apache-2.0
// The rows of each family, for operator.cpp. Private to the room.
#pragma once

#include <span>

#include "octet/graph/operator.h"

namespace octet {

std::span<const Operator> conv_operators();
std::span<const Operator> elementwise_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> norm_operators();
std::span<const Operator> pool_operators();
std::span<const Operator> quantization_operators();
std::span<const Operator> shape_operators();

}  // namespace octet
