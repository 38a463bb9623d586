// SPDX-License-Identifier: Apache-2.0
// The slow, obvious version of what deployed networks compute, written from docs/numerics.md: plain loops over
// channels-first tensors, one op after the other. Only float convolutions and linear layers, whose order of summation
// that page leaves to the kernels of training, call those.
#pragma once

#include <optional>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// A tensor in row-major order. What lies on a grid also has its integers.
struct OracleTensor {
  struct Grid {
    float scale;
    std::int64_t offset, low, high;
    friend bool operator==(const Grid&, const Grid&) = default;
  };
  Shape shape;
  std::vector<float> values;
  std::vector<std::int64_t> integers;
  std::optional<Grid> grid;
};

/// All values of the graph for this input; shapes must have been inferred. Element i belongs to Graph::values[i]; those
/// of constants are left empty.
std::vector<OracleTensor> run_oracle(const Graph& graph, const std::vector<float>& input);

}  // namespace octet::test
