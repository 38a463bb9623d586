// SPDX-License-Identifier: Apache-2.0
// Commands that a user can paste into a shell.
#pragma once

#include <filesystem>
#include <string>

/// A path as one word of a command line: in quotes where a shell would take it apart, with "./" before a leading '-',
/// which would be an option. Control characters and bytes that are not UTF-8 are written as $'\033'.
std::string shell_quote(const std::filesystem::path& path);
