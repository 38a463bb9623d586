// SPDX-License-Identifier: Apache-2.0
// What of a graph its outputs depend on.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

/// The graph without the nodes that no output depends on: what a forward() computes and does not return. Indices of
/// values stay as they are.
Graph live_nodes(Graph graph);

}  // namespace octet
