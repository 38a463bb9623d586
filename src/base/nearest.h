// SPDX-License-Identifier: Apache-2.0
// The nearest valid name to a mistyped one, for messages that end with: did you mean "epochs"?
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace octet {

/// The entry of `valid` with the fewest edits (insert, delete, replace, swap of neighbours; case is free) from `name`;
/// the first of equals. Empty if all need more edits than a third of their length.
std::string nearest_name(std::string_view name, std::span<const std::string> valid);

/// `; did you mean "epochs"?`, or nothing if no valid name is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> valid);

}  // namespace octet
