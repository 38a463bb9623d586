// SPDX-License-Identifier: Apache-2.0
// What the system says about files, in words.
#pragma once

#include <filesystem>

namespace octet::detail {

/// Throws Error "path: action: text of errno".
[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* action, int error);

/// "a pipe", "a character device", ... for the st_mode of a file.
const char* kind_of(unsigned st_mode);

}  // namespace octet::detail
