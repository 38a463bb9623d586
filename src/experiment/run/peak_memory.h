// SPDX-License-Identifier: Apache-2.0
// The memory that this process has needed.
#pragma once

#include <cstdint>

namespace octet {

/// The most resident memory that this process has had since it began this program. (getrusage() also counts what the
/// process had before that, which was that of its parent.) Throws Error where Linux's /proc is missing.
std::int64_t peak_resident_bytes();

}  // namespace octet
