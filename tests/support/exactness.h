// SPDX-License-Identifier: Apache-2.0
// Compares what networks compute, tensor by tensor and bit by bit, with what the scalar oracle says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "octet/deploy/model.h"
#include "octet/graph/graph.h"
#include "support/int8_oracle.h"

namespace octet::test {

/// The values of one tensor for some images: row-major, one image after the other.
struct Observation {
  std::string name;
  std::vector<float> values;
};
using Observations = std::vector<Observation>;

/// Runs `run(images, count)` for `batch` images at a time (the last time for what is left), and joins what it returns.
template <typename Run>
Observations in_batches(std::span<const float> input, std::int64_t image_size, std::int64_t batch, const Run& run) {
  Observations all;
  while (!input.empty()) {
    const std::span<const float> images =
        input.first(std::min(static_cast<std::size_t>(batch * image_size), input.size()));
    input = input.subspan(images.size());
    Observations some = run(images, std::ssize(images) / image_size);
    if (all.empty()) {
      all = std::move(some);
      continue;
    }
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i].values.insert(all[i].values.end(), some[i].values.begin(), some[i].values.end());
  }
  return all;
}

/// Which values of a graph are compared: its quantized tensors in the order of the nodes, then its output.
std::vector<int> compared_values(const Graph& graph);

/// What the oracle says of them, in batches of the size for which its graph's shapes were inferred.
Observations observe(const Int8Oracle& oracle, std::span<const float> input);

/// A graph, written as ONNX and loaded in octet::deploy.
class DeployedNetwork {
 public:
  /// One model for each element of `groups`, which ends in those values of the graph, side by side if they are several.
  DeployedNetwork(const Graph& graph, const std::vector<std::vector<int>>& groups);

  Observations observe(std::span<const float> input, std::int64_t batch) const;
  const std::vector<deploy::Model>& models() const { return models_; }

 private:
  std::vector<deploy::Model> models_;
  std::vector<std::vector<std::pair<std::string, std::int64_t>>> tensors_;  // of each model: name, values of an image
  std::int64_t image_size_;
};

struct ExactnessCounts {
  std::int64_t tensors = 0, values = 0, differences = 0;
  std::string first_difference;
};

/// Counts the values that differ in a bit, and those that only one side has. `who` has computed `got`.
void compare(const std::string& who, const Observations& expected, const Observations& got, ExactnessCounts& counts);

/// The random network of this seed in octet::deploy: its output, and each of its quantized tensors as the output of a
/// network that ends there.
void compare_random_network(std::uint64_t seed, std::int64_t batch, ExactnessCounts& counts);

}  // namespace octet::test
