// SPDX-License-Identifier: Apache-2.0
// Compares deployed networks with the scalar oracle, value by value.
#pragma once

#include <cstdint>
#include <string>

namespace octet::test {

struct ExactnessCounts {
  std::int64_t networks = 0, tensors = 0, values = 0, differences = 0;
  std::string first_difference;
};

/// The random network of this seed as ONNX in octet::deploy: its output, and each of its quantized tensors as the
/// output of a network that ends there.
void compare_random_network(std::uint64_t seed, std::int64_t batch, ExactnessCounts& counts);

}  // namespace octet::test
