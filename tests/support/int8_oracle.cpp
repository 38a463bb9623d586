// SPDX-License-Identifier: Apache-2.0
#include "support/int8_oracle.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "octet/kernels/channel_sums.h"
#include "octet/kernels/conv.h"
#include "octet/kernels/gemm.h"
#include "octet/kernels/layout.h"

namespace octet::test {
namespace {

using Integers = std::vector<std::int64_t>;
using Floats = std::vector<float>;
using Grid = OracleTensor::Grid;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

float dequantized(const Grid& g, std::int64_t q) { return static_cast<float>(q - g.offset) * g.scale; }

std::int64_t quantized(const Grid& g, float x) {
  const float level = std::nearbyintf(x / g.scale);
  if (level >= 1e6F) return g.high;
  if (!(level > -1e6F)) return g.low;
  return std::clamp(static_cast<std::int64_t>(level) + g.offset, g.low, g.high);
}

// ---- constants ------------------------------------------------------------------------------------------------------

struct Constant {
  Shape shape;
  Integers integers;  // empty for floats
  Floats values;      // dequantized where there are scales
  Floats scales;      // of a dequantized constant, else empty
  Integers zero_points;
  bool is_int8 = false;
};

Constant plain_constant(const Value& value) {
  Constant c{value.shape, {}, {}, {}, {}, std::holds_alternative<std::vector<std::int8_t>>(*value.data)};
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

class Oracle {
 public:
  Oracle(const Graph& graph, const Floats& input) : graph_(graph), tensors_(graph.values.size()) {
    constants_.resize(graph.values.size());
    for (std::size_t i = 0; i < graph.values.size(); ++i)
      if (graph.values[i].data) constants_[i] = plain_constant(graph.values[i]);
    OracleTensor& x = tensors_[at(graph.inputs[0])];
    x.shape = graph.values[at(graph.inputs[0])].shape;
    x.values = input;
  }

  std::vector<OracleTensor> run() {
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      OracleTensor y = compute();
      if (constants_[at(node.output)]) continue;
      y.shape = graph_.values[at(node.output)].shape;
      tensors_[at(node.output)] = std::move(y);
    }
    return std::move(tensors_);
  }

 private:
  int operand(std::size_t i) const { return i < node_->inputs.size() ? node_->inputs[i] : -1; }
  const OracleTensor& tensor(std::size_t i) const { return tensors_[at(operand(i))]; }
  const std::optional<Constant>& constant(std::size_t i) const {
    static const std::optional<Constant> none;
    return operand(i) < 0 ? none : constants_[at(operand(i))];
  }
  const Shape& output_shape() const { return graph_.values[at(node_->output)].shape; }

  OracleTensor compute() {
    const std::string& op = node_->op;
    if (op == "quantize") return quantize();
    if (op == "dequantize") return dequantize();
    if (op == "conv2d" || op == "conv_transpose2d" || op == "linear") return layer();
    if (op == "relu") return map([](float x) { return x < 0.0F ? 0.0F : x; });
    if (op == "clip") {
      const auto low = static_cast<float>(attribute(*node_, "min", -HUGE_VAL));
      const auto high = static_cast<float>(attribute(*node_, "max", HUGE_VAL));
      return map([=](float x) { return x < low ? low : x > high ? high : x; });
    }
    if (op == "add") return add();
    if (op == "max_pool2d") return max_pool();
    if (op == "avg_pool2d" || op == "adaptive_avg_pool2d") return average_pool();
    if (op == "flatten" || op == "reshape") return tensor(0);
    if (op == "cat") return cat();
    if (op == "batch_norm") return batch_norm();
    fail("the oracle does not know ", op);
  }

  // ---- quantization

  Grid grid() const {
    Grid g{constant(1)->values[0], 0, 0, 255};
    if (constant(2)) {
      g.offset = constant(2)->integers[0];
      if (constant(2)->is_int8) g.low = -128, g.high = 127;
    }
    return g;
  }

  OracleTensor quantize() const {
    OracleTensor y;
    y.grid = grid();
    for (const float x : tensor(0).values) y.integers.push_back(quantized(*y.grid, x));
    return y;
  }

  OracleTensor dequantize() {
    if (constant(0)) {
      define_constant();
      return {};
    }
    OracleTensor y = tensor(0);
    y.grid = grid();
    y.values.clear();
    for (const std::int64_t q : y.integers) y.values.push_back(dequantized(*y.grid, q));
    return y;
  }

  void define_constant() {
    Constant c = *constant(0);
    c.scales = constant(1)->values;
    c.zero_points = constant(2) ? constant(2)->integers : Integers(c.scales.size(), 0);
    std::int64_t axis = attribute(*node_, "axis", std::int64_t{1}), inner = 1;
    if (axis < 0) axis += std::ssize(c.shape);
    for (std::size_t i = at(axis) + 1; i < c.shape.size(); ++i) inner *= c.shape[i];
    for (std::size_t i = 0; i < c.integers.size(); ++i) {
      const std::size_t channel = c.scales.size() == 1 ? 0 : i / at(inner) % c.scales.size();
      c.values.push_back(static_cast<float>(c.integers[i] - c.zero_points[channel]) * c.scales[channel]);
    }
    constants_[at(node_->output)] = std::move(c);
  }

  // ---- layers with weights

  // One description for all three: the window, and where a weight lies.
  struct Geometry {
    std::int64_t n, in_channels, in_h, in_w, out_channels, out_h, out_w, kh, kw, groups;
    Size2 stride, padding, dilation;
    bool transposed, weight_in_out;  // weight_in_out: a linear layer's (in, out)
  };

  Geometry geometry() const {
    const Shape &x = tensor(0).shape, &w = constant(1)->shape, &y = output_shape();
    if (node_->op == "linear") {
      const std::int64_t rows = element_count(x) / x.back();
      return {
          rows, x.back(), 1, 1, y.back(), 1, 1, 1, 1, 1, 1, 0, 1, false, attribute(*node_, "transposed_weight", false)};
    }
    return {x[0],
            x[1],
            x[2],
            x[3],
            y[1],
            y[2],
            y[3],
            w[2],
            w[3],
            attribute(*node_, "groups", std::int64_t{1}),
            size_attribute(*node_, "stride", 1),
            size_attribute(*node_, "padding", 0),
            size_attribute(*node_, "dilation", 1),
            node_->op == "conv_transpose2d",
            false};
  }

  // Calls f(input index, weight index) for every product of output (n, c, oh, ow).
  template <typename F>
  static void for_products(const Geometry& g, std::int64_t n, std::int64_t c, std::int64_t oh, std::int64_t ow,
                           const F& f) {
    const std::int64_t in_group = g.in_channels / g.groups, out_group = g.out_channels / g.groups,
                       group = c / out_group;
    for (std::int64_t k = 0; k < in_group; ++k)
      for (std::int64_t i = 0; i < g.kh; ++i)
        for (std::int64_t j = 0; j < g.kw; ++j) {
          std::int64_t h, w;
          if (g.transposed) {
            h = oh + g.padding.h - i * g.dilation.h;
            w = ow + g.padding.w - j * g.dilation.w;
            if (h < 0 || w < 0 || h % g.stride.h != 0 || w % g.stride.w != 0) continue;
            h /= g.stride.h;
            w /= g.stride.w;
          } else {
            h = oh * g.stride.h - g.padding.h + i * g.dilation.h;
            w = ow * g.stride.w - g.padding.w + j * g.dilation.w;
          }
          if (h < 0 || w < 0 || h >= g.in_h || w >= g.in_w) continue;
          const std::int64_t channel = group * in_group + k;
          const std::int64_t weight_row = g.transposed      ? channel * out_group + c % out_group
                                          : g.weight_in_out ? k * g.out_channels + c
                                                            : c * in_group + k;
          f(((n * g.in_channels + channel) * g.in_h + h) * g.in_w + w, (weight_row * g.kh + i) * g.kw + j);
        }
  }

  bool is_int8_layer() const {
    const Constant& w = *constant(1);
    return tensor(0).grid && !tensor(0).values.empty() && w.is_int8 && !w.scales.empty() &&
           std::ranges::all_of(w.zero_points, [](std::int64_t z) { return z == 0; });
  }

  OracleTensor layer() const {
    if (!is_int8_layer()) return float_layer();
    const OracleTensor& x = tensor(0);
    const Constant& w = *constant(1);
    const Geometry g = geometry();
    Floats scale, bias;
    for (std::int64_t c = 0; c < g.out_channels; ++c)
      scale.push_back(x.grid->scale * w.scales[at(c) % w.scales.size()]);
    for (std::int64_t c = 0; c < g.out_channels; ++c) bias.push_back(integer_bias(at(c), scale));
    OracleTensor y;
    for (std::int64_t n = 0; n < g.n; ++n)
      for (std::int64_t c = 0; c < g.out_channels; ++c)
        for (std::int64_t h = 0; h < g.out_h; ++h)
          for (std::int64_t v = 0; v < g.out_w; ++v) {
            std::int64_t acc = 0;
            for_products(g, n, c, h, v, [&](std::int64_t input, std::int64_t weight) {
              acc += (x.integers[at(input)] - x.grid->offset) * w.integers[at(weight)];
            });
            y.values.push_back((static_cast<float>(acc) + bias[at(c)]) * scale[at(c)]);
          }
    return y;
  }

  float integer_bias(std::size_t c, const Floats& scale) const {
    if (!constant(2)) return 0.0F;
    const Constant& b = *constant(2);
    bool ours = !b.scales.empty() && std::ranges::all_of(b.zero_points, [](std::int64_t z) { return z == 0; });
    for (std::size_t i = 0; ours && i < scale.size(); ++i) ours = b.scales[b.scales.size() == 1 ? 0 : i] == scale[i];
    return ours ? static_cast<float>(b.integers[c]) : std::nearbyintf(b.values[c] / scale[c]);
  }

  // By the kernels of training, which want channels-last.
  OracleTensor float_layer() const {
    const Geometry g = geometry();
    const Constant& w = *constant(1);
    OracleTensor y;
    y.values.resize(at(element_count(output_shape())));
    if (node_->op == "linear") {
      Floats weights = w.values;
      if (g.weight_in_out)
        for (std::int64_t o = 0; o < g.out_channels; ++o)
          for (std::int64_t k = 0; k < g.in_channels; ++k)
            weights[at(o * g.in_channels + k)] = w.values[at(k * g.out_channels + o)];
      kernels::linear_forward({g.n, g.in_channels, g.out_channels}, tensor(0).values.data(), weights.data(),
                              y.values.data());
      if (constant(2)) kernels::add_channels({g.n, g.out_channels}, constant(2)->values.data(), y.values.data());
      return y;
    }
    Floats x(tensor(0).values.size()), out(y.values.size());
    kernels::nchw_to_nhwc({g.n, g.in_channels, g.in_h * g.in_w}, tensor(0).values.data(), x.data());
    kernels::ConvShape s;
    s.n = g.n;
    s.ci = g.transposed ? g.out_channels : g.in_channels;
    s.h = g.transposed ? g.out_h : g.in_h;
    s.w = g.transposed ? g.out_w : g.in_w;
    s.co = g.transposed ? g.in_channels : g.out_channels;
    s.oh = g.transposed ? g.in_h : g.out_h;
    s.ow = g.transposed ? g.in_w : g.out_w;
    s.kh = g.kh;
    s.kw = g.kw;
    s.stride = g.stride;
    s.padding = g.padding;
    s.dilation = g.dilation;
    s.groups = g.groups;
    const float* const bias = constant(2) ? constant(2)->values.data() : nullptr;
    if (g.transposed) {
      kernels::conv_backward_data(s, w.values.data(), x.data(), out.data());
      if (bias) kernels::add_channels({g.n * g.out_h * g.out_w, g.out_channels}, bias, out.data());
    } else {
      kernels::conv_forward(s, x.data(), w.values.data(), bias, out.data());
    }
    kernels::nhwc_to_nchw({g.n, g.out_channels, g.out_h * g.out_w}, out.data(), y.values.data());
    return y;
  }

  // ---- the rest

  OracleTensor map(const std::function<float(float)>& f) const {
    OracleTensor y;
    for (const float x : tensor(0).values) y.values.push_back(f(x));
    return y;
  }

  OracleTensor add() const {
    OracleTensor y;
    for (std::size_t i = 0; i < tensor(0).values.size(); ++i)
      y.values.push_back(tensor(0).values[i] + tensor(1).values[i]);
    return y;
  }

  OracleTensor max_pool() const {
    const OracleTensor& x = tensor(0);
    const Shape& out = output_shape();
    const Size2 kernel = size_attribute(*node_, "kernel_size", 1), stride = size_attribute(*node_, "stride", 1);
    const Size2 padding = size_attribute(*node_, "padding", 0), dilation = size_attribute(*node_, "dilation", 1);
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

  OracleTensor average_pool() const {
    const OracleTensor& x = tensor(0);
    const Shape& out = output_shape();
    const bool whole = node_->op == "adaptive_avg_pool2d";
    const Size2 kernel = whole ? Size2(x.shape[2], x.shape[3]) : size_attribute(*node_, "kernel_size", 1);
    const Size2 stride = whole ? Size2(1) : size_attribute(*node_, "stride", 1);
    const Size2 padding = whole ? Size2(0) : size_attribute(*node_, "padding", 0);
    const bool count_padding = attribute(*node_, "count_include_pad", true);
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

  OracleTensor cat() const {
    OracleTensor y;
    const Shape& out = output_shape();
    std::int64_t dim = attribute(*node_, "dim", std::int64_t{1}), outer = 1;
    if (dim < 0) dim += std::ssize(out);
    for (std::int64_t i = 0; i < dim; ++i) outer *= out[at(i)];
    bool on_grid = true;
    for (std::size_t p = 0; p < node_->inputs.size(); ++p)
      on_grid = on_grid && tensor(p).grid && tensor(p).grid == tensor(0).grid;
    if (on_grid) y.grid = tensor(0).grid;
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::size_t p = 0; p < node_->inputs.size(); ++p) {
        const OracleTensor& part = tensor(p);
        const auto width = std::ssize(part.values) / outer;
        y.values.insert(y.values.end(), part.values.begin() + o * width, part.values.begin() + (o + 1) * width);
        if (on_grid)
          y.integers.insert(y.integers.end(), part.integers.begin() + o * width,
                            part.integers.begin() + (o + 1) * width);
      }
    return y;
  }

  OracleTensor batch_norm() const {
    const OracleTensor& x = tensor(0);
    const Floats &gamma = constant(1)->values, &beta = constant(2)->values, &mean = constant(3)->values,
                 &variance = constant(4)->values;
    const double eps = attribute(*node_, "eps", 1e-5);
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

  const Graph& graph_;
  std::vector<OracleTensor> tensors_;
  std::vector<std::optional<Constant>> constants_;
  const Node* node_ = nullptr;
};

}  // namespace

std::vector<OracleTensor> run_oracle(const Graph& graph, const std::vector<float>& input) {
  return Oracle(graph, input).run();
}

}  // namespace octet::test
