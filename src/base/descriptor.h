// SPDX-License-Identifier: Apache-2.0
// Private to the library: what POSIX says about files, in words.
#pragma once

#include <sys/stat.h>

#include <filesystem>

namespace octet::detail {

/// Throws Error "path: action: text of errno".
[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* action, int error);

/// "a pipe", "a character device", ...
const char* kind_of(const struct stat& status);

}  // namespace octet::detail
