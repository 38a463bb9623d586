// SPDX-License-Identifier: Apache-2.0
// Real numbers as Python, and with it Huawei's AMCT, writes them.
#pragma once

#include <string>

namespace octet {

/// The fewest digits that read back as the value, with an exponent below 1e-4 and from 1e16 on: "6.0", "0.0001",
/// "1e-05".
std::string real_text(double value);
/// The fewest digits that read back as the same float32: 0.1f is "0.1".
std::string real_text(float value);

}  // namespace octet
