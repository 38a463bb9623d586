// SPDX-License-Identifier: Apache-2.0
// Random quantized networks: branches, residuals, transposed convolutions with groups, linear layers, zero points that
// are not zero, scales per tensor and per channel, layers that were left in float.
#pragma once

#include <cstdint>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// The same graph for the same seed, with shapes inferred for `batch`. One input and one output.
Graph random_graph(std::uint64_t seed, std::int64_t batch);

/// Values in [-1.5, 1.5) for its input.
std::vector<float> random_input(const Graph& graph, std::uint64_t seed);

}  // namespace octet::test
