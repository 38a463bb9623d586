// SPDX-License-Identifier: Apache-2.0
// The rules for sizes that layers share: the message names layer, option and value. Private to the room.
#pragma once

#include <cstdint>

#include "octet/base/error.h"
#include "octet/base/shape.h"

namespace octet::detail {

inline void require_positive(const char* layer, const char* option, std::int64_t value) {
  require(value > 0, layer, ": ", option, " must be positive (", option, ' ', value, ")");
}

inline void require_positive(const char* layer, const char* option, Size2 size) {
  require(size.h > 0 && size.w > 0, layer, ": ", option, " must be positive (", option, ' ', size, ")");
}

inline void require_not_negative(const char* layer, const char* option, Size2 size) {
  require(size.h >= 0 && size.w >= 0, layer, ": ", option, " must not be negative (", option, ' ', size, ")");
}

}  // namespace octet::detail
