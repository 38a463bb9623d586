// SPDX-License-Identifier: Apache-2.0
// Numbers of things in messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace octet {

/// "1 epoch", "2 epochs"; `many` where the plural is not the name and an s: counted(2, "class", "classes").
std::string counted(std::int64_t count, std::string_view one, std::string_view many = "");

}  // namespace octet
