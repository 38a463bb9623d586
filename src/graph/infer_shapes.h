// SPDX-License-Identifier: Apache-2.0
// Shapes of results from shapes of inputs.
#pragma once

#include <span>

#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"

namespace octet {

/// Fills in Value::shape of all results, for inputs of these shapes (one per Graph::inputs). Throws Error, naming the
/// node, where sizes and options do not fit each other, or a tensor would have 2^31 values or more. With `found`, such
/// nodes are noted there, and their results keep the shapes that they had.
void infer_shapes(Graph& graph, std::span<const Shape> inputs, Obstacles* found = nullptr);

}  // namespace octet
