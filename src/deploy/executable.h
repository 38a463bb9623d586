// SPDX-License-Identifier: Apache-2.0
// Which ops a deployed plan executes.
#pragma once

#include <string_view>

namespace octet::deploy {

/// Whether a plan executes the op of this name; if not, its row of the operator table says why.
bool is_executable(std::string_view op);

}  // namespace octet::deploy
