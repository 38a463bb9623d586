// SPDX-License-Identifier: Apache-2.0
// The octet command in a process of its own, for what only a fresh process can tell.
#pragma once

#include <string>
#include <vector>

/// Runs this program with other arguments, without a shell, and returns its standard output. Throws octet::Error if it
/// cannot be started or fails.
std::string run_own_process(const std::vector<std::string>& arguments);
