// SPDX-License-Identifier: Apache-2.0
// The sizes of a fully connected layer.
#pragma once

#include <cstdint>

namespace octet::kernels {

struct LinearShape {
  std::int64_t rows = 0, in = 0, out = 0;
};

}  // namespace octet::kernels
