// SPDX-License-Identifier: Apache-2.0
// What the options of ops with a sliding window must satisfy. Private to the room.
#pragma once

#include <algorithm>
#include <cstdint>

#include "octet/base/error.h"
#include "octet/base/shape.h"

namespace octet {

/// Strides, paddings and the like above this are mistakes; below it their products with sizes cannot overflow.
inline constexpr std::int64_t kLargestOption = std::int64_t{1} << 24;

inline void require_at_least(const char* op, const char* name, const Size2& option, std::int64_t least) {
  require(std::min(option.h, option.w) >= least, op, ": ", name, " must be at least ", least, " (", name, " ", option,
          ")");
  require(std::max(option.h, option.w) <= kLargestOption, op, ": ", name, " must be at most ", kLargestOption, " (",
          name, " ", option, ")");
}

/// x is [N, C, H, W].
inline void require_image(const char* op, const char* name, const Shape& x) {
  require(x.size() == 4, op, ": ", name, " must be an activation [N, C, H, W] (", name, " ", x, ")");
}

}  // namespace octet
