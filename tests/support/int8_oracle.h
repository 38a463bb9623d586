// SPDX-License-Identifier: Apache-2.0
// The scalar oracle of what quantized networks compute, written from docs/numerics.md: plain loops over
// channels-first tensors, one op after the other. Only float convolutions and linear layers, whose order of summation
// that page leaves to the kernels of training, call those.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// A tensor in row-major order. What lies on a grid also has its integers.
struct OracleTensor {
  struct Grid {
    float scale;
    std::int32_t offset, low, high;
    friend bool operator==(const Grid&, const Grid&) = default;
  };
  Shape shape;
  std::vector<float> values;
  std::vector<std::int32_t> integers;
  std::optional<Grid> grid;
};

struct OracleConstant {
  Shape shape;
  std::vector<std::int64_t> integers;  ///< empty for floats
  std::vector<float> values;           ///< dequantized where there are scales
  std::vector<float> scales;           ///< of a dequantized constant, else empty
  std::vector<std::int64_t> zero_points;
  bool is_int8 = false;
};
using OracleConstants = std::vector<std::optional<OracleConstant>>;

class Int8Oracle {
 public:
  /// Shapes of the graph must have been inferred.
  explicit Int8Oracle(Graph graph);

  const Graph& graph() const { return graph_; }
  /// All values of the graph for this input. Element i belongs to Graph::values[i]; those of constants are left empty.
  std::vector<OracleTensor> run(std::span<const float> input) const;

 private:
  Graph graph_;
  OracleConstants constants_;
};

}  // namespace octet::test
