// SPDX-License-Identifier: Apache-2.0
// Compares deployed networks with the scalar oracle, value by value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

struct ExactnessCounts {
  std::int64_t networks = 0, tensors = 0, values = 0, differences = 0;
  std::string first_difference;
};

/// Counts where two lists of floats differ in a bit. `name` is for the message.
void compare_values(const std::string& name, const std::vector<float>& expected, const std::vector<float>& got,
                    ExactnessCounts& counts);

/// A network as ONNX in octet::deploy against the oracle: its output, and each of its quantized tensors as the output
/// of a network that ends there. The shapes of the graph are inferred for `batch`.
void compare_network(const std::string& name, const Graph& graph, const std::vector<float>& input, std::int64_t batch,
                     ExactnessCounts& counts);

/// The random network of this seed.
void compare_random_network(std::uint64_t seed, std::int64_t batch, ExactnessCounts& counts);

}  // namespace octet::test
