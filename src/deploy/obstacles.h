// SPDX-License-Identifier: Apache-2.0
// What of a network octet::deploy would refuse, before there is a file.
#pragma once

#include <span>

#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"

namespace octet::deploy {

/// All nodes of `graph`, as read_onnx() gives it, that a Model would refuse for inputs of these shapes (one per
/// Graph::inputs). Inputs beyond the first stand for what nodes compute that were refused before. Where the shape of a
/// result cannot be inferred, the one that it has is taken. What shows only when kernels are made is not looked at.
Obstacles find_obstacles(Graph graph, std::span<const Shape> inputs);

}  // namespace octet::deploy
