// SPDX-License-Identifier: Apache-2.0
// Where the windows of pooling lie. Private to the room.
#pragma once

#include <vector>

#include "octet/graph/graph.h"
#include "octet/kernels/pool.h"

namespace octet::deploy {

/// The windows of an avg_pool2d or adaptive_avg_pool2d along one axis of an image, from `size` to `count` values.
std::vector<kernels::Window> pool_windows(const Node& node, std::int64_t size, std::int64_t count,
                                          std::int64_t Size2::*axis);

/// Throws Error if a dilated window jumps over the whole image: it would be the maximum of nothing.
void require_windows_see(const kernels::MaxPoolShape& s);

}  // namespace octet::deploy
