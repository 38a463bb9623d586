// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at a chosen moment, for tests: every op is all or nothing, and only so can that be seen. Private
// to the room.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// Of the Buffers that are asked for from now on, the `count`-th fails, as if the system had no more memory; 0: none.
void fail_allocation(std::int64_t count);

}  // namespace octet::kernels
