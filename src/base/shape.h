// SPDX-License-Identifier: Apache-2.0
// Logical sizes of a tensor.
#pragma once

#include <cstdint>
#include <vector>

namespace octet {

/// Sizes per dimension, outermost first. An empty shape is a scalar.
using Shape = std::vector<std::int64_t>;

/// Product of the sizes; 1 for a scalar.
inline std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  return count;
}

}  // namespace octet
