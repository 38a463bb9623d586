// SPDX-License-Identifier: Apache-2.0
// Numbers as text that reads back as the same number.
#pragma once

#include <string>

namespace octet {

/// The fewest digits that read back as `value`, always recognisable as a real: "0.1", "1.0", "1e-07", "nan", "-inf".
std::string shortest_text(double value);

}  // namespace octet
