// SPDX-License-Identifier: Apache-2.0
#include "support/int8_oracle.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "support/oracle_node.h"

namespace octet::test {
namespace {

using Floats = std::vector<float>;
using Grid = OracleTensor::Grid;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

OracleConstant plain_constant(const Value& value) {
  OracleConstant c{value.shape, {}, {}, {}, {}, std::holds_alternative<std::vector<std::int8_t>>(*value.data)};
  std::visit(
      [&]<typename T>(const std::vector<T>& data) {
        if constexpr (std::is_same_v<T, float>)
          c.values = data;
        else
          c.integers.assign(data.begin(), data.end());
      },
      *value.data);
  return c;
}

OracleConstant dequantized_constant(const OracleNode& n) {
  OracleConstant c = *n.constant(0);
  c.scales = n.constant(1)->values;
  c.zero_points = n.constant(2) ? n.constant(2)->integers : std::vector<std::int64_t>(c.scales.size(), 0);
  std::int64_t axis = attribute(n.node.attributes, "axis", std::int64_t{1}), inner = 1;
  if (axis < 0) axis += std::ssize(c.shape);
  for (std::size_t i = at(axis) + 1; i < c.shape.size(); ++i) inner *= c.shape[i];
  for (std::size_t i = 0; i < c.integers.size(); ++i) {
    const std::size_t channel = c.scales.size() == 1 ? 0 : i / at(inner) % c.scales.size();
    c.values.push_back(static_cast<float>(c.integers[i] - c.zero_points[channel]) * c.scales[channel]);
  }
  return c;
}

bool reads_constant(const Graph& graph, const Node& node) {
  return node.op == "dequantize" && graph.values[at(node.inputs[0])].data;
}

Grid grid_of(const OracleNode& n) {
  Grid g{n.constant(1)->values[0], 0, 0, 255};
  if (n.constant(2)) {
    g.offset = static_cast<std::int32_t>(n.constant(2)->integers[0]);
    if (n.constant(2)->is_int8) g.low = -128, g.high = 127;
  }
  return g;
}

std::int32_t quantized(const Grid& g, float x) {
  const float level = std::nearbyintf(x / g.scale);
  if (level >= 1e6F) return g.high;
  if (!(level > -1e6F)) return g.low;
  return std::clamp(static_cast<std::int32_t>(level) + g.offset, g.low, g.high);
}

OracleTensor quantize(const OracleNode& n) {
  const Floats& x = n.tensor(0).values;
  OracleTensor y;
  y.grid = grid_of(n);
  y.integers.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y.integers[i] = quantized(*y.grid, x[i]);
  return y;
}

OracleTensor dequantize(const OracleNode& n) {
  OracleTensor y;
  const Grid g = grid_of(n);
  y.grid = g;
  y.integers = n.tensor(0).integers;
  y.values.resize(y.integers.size());
  for (std::size_t i = 0; i < y.values.size(); ++i)
    y.values[i] = static_cast<float>(y.integers[i] - g.offset) * g.scale;
  return y;
}

template <typename F>
OracleTensor map(const OracleNode& n, const F& f) {
  OracleTensor y;
  y.values.resize(n.tensor(0).values.size());
  std::ranges::transform(n.tensor(0).values, y.values.begin(), f);
  return y;
}

OracleTensor relu(const OracleNode& n) {
  return map(n, [](float x) { return x < 0.0F ? 0.0F : x; });
}

OracleTensor clip(const OracleNode& n) {
  const auto low = static_cast<float>(attribute(n.node.attributes, "min", -HUGE_VAL));
  const auto high = static_cast<float>(attribute(n.node.attributes, "max", HUGE_VAL));
  return map(n, [=](float x) { return x < low ? low : x > high ? high : x; });
}

OracleTensor add(const OracleNode& n) {
  OracleTensor y;
  y.values.resize(n.tensor(0).values.size());
  std::ranges::transform(n.tensor(0).values, n.tensor(1).values, y.values.begin(),
                         [](float a, float b) { return a + b; });
  return y;
}

OracleTensor max_pool(const OracleNode& n) {
  const OracleTensor& x = n.tensor(0);
  const Shape& out = n.shape();
  const Size2 kernel = size_attribute(n.node.attributes, "kernel_size", 1),
              stride = size_attribute(n.node.attributes, "stride", 1);
  const Size2 padding = size_attribute(n.node.attributes, "padding", 0),
              dilation = size_attribute(n.node.attributes, "dilation", 1);
  OracleTensor y;
  y.grid = x.grid;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t oh = 0; oh < out[2]; ++oh)
      for (std::int64_t ow = 0; ow < out[3]; ++ow) {
        std::optional<std::size_t> best;
        for (std::int64_t i = 0; i < kernel.h; ++i)
          for (std::int64_t j = 0; j < kernel.w; ++j) {
            const std::int64_t h = oh * stride.h - padding.h + i * dilation.h;
            const std::int64_t w = ow * stride.w - padding.w + j * dilation.w;
            if (h < 0 || w < 0 || h >= x.shape[2] || w >= x.shape[3]) continue;
            const std::size_t here = at((plane * x.shape[2] + h) * x.shape[3] + w);
            if (!best || x.values[here] > x.values[*best]) best = here;
          }
        y.values.push_back(x.values[*best]);
        if (x.grid) y.integers.push_back(x.integers[*best]);
      }
  return y;
}

OracleTensor average_pool(const OracleNode& n) {
  const OracleTensor& x = n.tensor(0);
  const Shape& out = n.shape();
  const bool whole = n.node.op == "adaptive_avg_pool2d";
  const Size2 kernel = whole ? Size2(x.shape[2], x.shape[3]) : size_attribute(n.node.attributes, "kernel_size", 1);
  const Size2 stride = whole ? Size2(1) : size_attribute(n.node.attributes, "stride", 1);
  const Size2 padding = whole ? Size2(0) : size_attribute(n.node.attributes, "padding", 0);
  const bool count_padding = attribute(n.node.attributes, "count_include_pad", true);
  OracleTensor y;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t oh = 0; oh < out[2]; ++oh)
      for (std::int64_t ow = 0; ow < out[3]; ++ow) {
        float total = 0.0F;
        std::int64_t rows = 0, columns = 0;
        for (std::int64_t i = 0; i < kernel.h; ++i) {
          const std::int64_t h = oh * stride.h - padding.h + i;
          if (count_padding ? h < x.shape[2] + padding.h : h >= 0 && h < x.shape[2]) ++rows;
          if (h < 0 || h >= x.shape[2]) continue;
          float line = 0.0F;
          for (std::int64_t j = 0; j < kernel.w; ++j) {
            const std::int64_t w = ow * stride.w - padding.w + j;
            if (w >= 0 && w < x.shape[3]) line += x.values[at((plane * x.shape[2] + h) * x.shape[3] + w)];
          }
          total += line;
        }
        for (std::int64_t j = 0; j < kernel.w; ++j) {
          const std::int64_t w = ow * stride.w - padding.w + j;
          if (count_padding ? w < x.shape[3] + padding.w : w >= 0 && w < x.shape[3]) ++columns;
        }
        y.values.push_back(total / static_cast<float>(rows * columns));
      }
  return y;
}

OracleTensor cat(const OracleNode& n) {
  OracleTensor y;
  const Shape& out = n.shape();
  std::int64_t dim = attribute(n.node.attributes, "dim", std::int64_t{1}), outer = 1;
  if (dim < 0) dim += std::ssize(out);
  for (std::int64_t i = 0; i < dim; ++i) outer *= out[at(i)];
  bool on_grid = true;
  for (std::size_t p = 0; p < n.node.inputs.size(); ++p)
    on_grid = on_grid && n.tensor(p).grid && n.tensor(p).grid == n.tensor(0).grid;
  if (on_grid) y.grid = n.tensor(0).grid;
  const auto append_row = [outer](auto& to, const auto& from, std::int64_t row) {
    const auto width = std::ssize(from) / outer;
    to.insert(to.end(), from.begin() + row * width, from.begin() + (row + 1) * width);
  };
  for (std::int64_t row = 0; row < outer; ++row)
    for (std::size_t p = 0; p < n.node.inputs.size(); ++p) {
      append_row(y.values, n.tensor(p).values, row);
      if (on_grid) append_row(y.integers, n.tensor(p).integers, row);
    }
  return y;
}

OracleTensor batch_norm(const OracleNode& n) {
  const OracleTensor& x = n.tensor(0);
  const Floats &gamma = n.constant(1)->values, &beta = n.constant(2)->values, &mean = n.constant(3)->values,
               &variance = n.constant(4)->values;
  const double eps = attribute(n.node.attributes, "eps", 1e-5);
  const std::int64_t inner = x.shape.size() == 4 ? x.shape[2] * x.shape[3] : 1;
  OracleTensor y;
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const std::size_t c = i / at(inner) % gamma.size();
    const auto r = static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance[c]) + eps));
    const float scale = gamma[c] * r;
    y.values.push_back((x.values[i] - mean[c]) * scale + beta[c]);
  }
  return y;
}

OracleTensor compute(const OracleNode& n) {
  const std::string& op = n.node.op;
  if (op == "quantize") return quantize(n);
  if (op == "dequantize") return dequantize(n);
  if (op == "conv2d" || op == "conv_transpose2d" || op == "linear") return oracle_layer(n);
  if (op == "relu") return relu(n);
  if (op == "clip") return clip(n);
  if (op == "add") return add(n);
  if (op == "max_pool2d") return max_pool(n);
  if (op == "avg_pool2d" || op == "adaptive_avg_pool2d") return average_pool(n);
  if (op == "flatten" || op == "reshape") return n.tensor(0);
  if (op == "cat") return cat(n);
  if (op == "batch_norm") return batch_norm(n);
  fail("the oracle does not know ", op);
}

}  // namespace

Int8Oracle::Int8Oracle(Graph graph) : graph_(std::move(graph)), constants_(graph_.values.size()) {
  for (std::size_t i = 0; i < graph_.values.size(); ++i)
    if (graph_.values[i].data) constants_[i] = plain_constant(graph_.values[i]);
  const std::vector<OracleTensor> none;
  for (const Node& node : graph_.nodes)
    if (reads_constant(graph_, node))
      constants_[at(node.output)] = dequantized_constant({graph_, node, none, constants_});
}

std::vector<OracleTensor> Int8Oracle::run(std::span<const float> input) const {
  std::vector<OracleTensor> tensors(graph_.values.size());
  OracleTensor& x = tensors[at(graph_.inputs[0])];
  x.shape = graph_.values[at(graph_.inputs[0])].shape;
  x.values.assign(input.begin(), input.end());
  for (const Node& node : graph_.nodes) {
    if (reads_constant(graph_, node)) continue;
    OracleTensor y = compute({graph_, node, tensors, constants_});
    y.shape = graph_.values[at(node.output)].shape;
    tensors[at(node.output)] = std::move(y);
  }
  return tensors;
}

}  // namespace octet::test
