// SPDX-License-Identifier: Apache-2.0
// IEEE 754 half precision as 16 bits.
#pragma once

#include <cstdint>

namespace octet::deploy {

/// The nearest half, ties to even; values of 65520 and more in magnitude become infinite.
std::uint16_t float16_bits(float value);
float float16_value(std::uint16_t bits);

}  // namespace octet::deploy
