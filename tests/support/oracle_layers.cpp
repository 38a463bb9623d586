// SPDX-License-Identifier: Apache-2.0
// The oracle's layers with weights. Integers that are multiplied lie in int16, which holds every q - o and lets the
// compiler multiply eight at a time; products are int32, sums of up to 2^15 of them too, and sums of those int64.
#include <algorithm>
#include <cmath>

#include "octet/graph/attributes.h"
#include "octet/kernels/float/channel_sums.h"
#include "octet/kernels/float/conv.h"
#include "octet/kernels/float/gemm.h"
#include "octet/kernels/float/layout.h"
#include "support/oracle_node.h"

namespace octet::test {
namespace {

using Floats = std::vector<float>;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// One description for all three layers.
struct Geometry {
  std::int64_t n, in_channels, in_h, in_w, out_channels, out_h, out_w, kh, kw, groups;
  Size2 stride, padding, dilation;
  bool transposed, weight_in_out;  // weight_in_out: a linear layer's (in, out)

  std::int64_t in_group() const { return in_channels / groups; }
  std::int64_t out_group() const { return out_channels / groups; }
  std::int64_t window() const { return in_group() * kh * kw; }
};

Geometry geometry(const OracleNode& n) {
  const Shape &x = n.tensor(0).shape, &w = n.constant(1)->shape, &y = n.shape();
  if (n.node.op == "linear") {
    const std::int64_t rows = element_count(x) / x.back();
    const bool in_out = attribute(n.node.attributes, "transposed_weight", false);
    return {rows, x.back(), 1, 1, y.back(), 1, 1, 1, 1, 1, 1, 0, 1, false, in_out};
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
          attribute(n.node.attributes, "groups", std::int64_t{1}),
          size_attribute(n.node.attributes, "stride", 1),
          size_attribute(n.node.attributes, "padding", 0),
          size_attribute(n.node.attributes, "dilation", 1),
          n.node.op == "conv_transpose2d",
          false};
}

// Where along an axis of `size` values weight k of output o reads; -1 where it reads none.
std::int64_t place(const Geometry& g, std::int64_t Size2::*axis, std::int64_t size, std::int64_t o, std::int64_t k) {
  const std::int64_t stride = g.stride.*axis, padding = g.padding.*axis, shift = k * (g.dilation.*axis);
  std::int64_t i = o * stride - padding + shift;
  if (g.transposed) {
    i = o + padding - shift;
    if (i % stride != 0) return -1;
    i /= stride;
  }
  return i >= 0 && i < size ? i : -1;
}

// What the weights of one output meet, q - o, in the order [Cin/groups, Kh, Kw]. Outside the image the input counts as
// o. `x`: the channels of one image that belong to the group.
void read_window(const Geometry& g, const std::int16_t* x, std::int64_t oh, std::int64_t ow, std::int16_t* window) {
  for (std::int64_t i = 0; i < g.kh; ++i) {
    const std::int64_t h = place(g, &Size2::h, g.in_h, oh, i);
    for (std::int64_t j = 0; j < g.kw; ++j) {
      const std::int64_t w = place(g, &Size2::w, g.in_w, ow, j);
      for (std::int64_t k = 0; k < g.in_group(); ++k)
        window[(k * g.kh + i) * g.kw + j] = h < 0 || w < 0 ? std::int16_t{0} : x[(k * g.in_h + h) * g.in_w + w];
    }
  }
}

// The weights in the order [Cout, Cin/groups, Kh, Kw], which only conv2d and an (out, in) matrix have by themselves.
std::vector<std::int16_t> weights_by_output(const Geometry& g, const std::vector<std::int64_t>& w) {
  std::vector<std::int16_t> ordered;
  ordered.reserve(w.size());
  for (std::int64_t c = 0; c < g.out_channels; ++c)
    for (std::int64_t k = 0; k < g.in_group(); ++k) {
      const std::int64_t channel = c / g.out_group() * g.in_group() + k;
      const std::int64_t row = g.transposed      ? channel * g.out_group() + c % g.out_group()
                               : g.weight_in_out ? k * g.out_channels + c
                                                 : c * g.in_group() + k;
      for (std::int64_t i = 0; i < g.kh * g.kw; ++i)
        ordered.push_back(static_cast<std::int16_t>(w[at(row * g.kh * g.kw + i)]));
    }
  return ordered;
}

std::int64_t sum_of_products(std::int64_t count, const std::int16_t* x, const std::int16_t* w) {
  constexpr std::int64_t kSome = 1 << 15;
  std::int64_t acc = 0;
  for (std::int64_t begin = 0; begin < count; begin += kSome) {
    std::int32_t some = 0;
    for (std::int64_t i = begin; i < std::min(begin + kSome, count); ++i)
      some += std::int32_t{x[i]} * std::int32_t{w[i]};
    acc += some;
  }
  return acc;
}

bool zeros(const std::vector<std::int64_t>& zero_points) {
  return std::ranges::all_of(zero_points, [](std::int64_t z) { return z == 0; });
}

bool is_int8_layer(const OracleNode& n) {
  const OracleConstant& w = *n.constant(1);
  return n.tensor(0).grid && !n.tensor(0).values.empty() && w.is_int8 && !w.scales.empty() && zeros(w.zero_points);
}

// What the integers of an output channel stand for, and how many weights it has.
struct Channel {
  float input_scale, weight_scale, scale, bias = 0.0F;
  std::int16_t* weights;
  std::int64_t count;
};

bool has_integer_bias(const OracleConstant& b, const std::vector<Channel>& channels) {
  if (b.scales.empty() || !zeros(b.zero_points)) return false;
  for (std::size_t c = 0; c < channels.size(); ++c)
    if (b.scales[b.scales.size() == 1 ? 0 : c] != channels[c].scale) return false;
  return true;
}

// "Channels that are all but constant".
float scale_for_bias(const Channel& channel, float bias) {
  constexpr float kNormal = 0x1p-126F, kLargest = 0x1.fffffep127F;
  const auto scale_of = [&](float steps) {
    return std::clamp(std::max(std::fabs(bias) / steps, kNormal) / channel.input_scale, kNormal, kLargest);
  };
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < channel.count; ++i) n += std::abs(channel.weights[i]);
  if (bias == 0.0F) return channel.scale < kNormal ? 1.0F : channel.weight_scale;
  const float steps = std::fabs(std::nearbyintf(bias / channel.scale));
  if (channel.scale < kNormal) return scale_of(0x1p30F);
  if (steps > 0x1p30F && double{steps} + 255.0 * static_cast<double>(n) >= 0x1p31) return scale_of(0x1p30F);
  if (n == 0 && steps < 0x1p23F) return scale_of(0x1p23F);
  return channel.weight_scale;
}

// float(b) of every channel; its scales and weights are changed where a float bias asks for it.
void take_bias(const OracleNode& n, std::vector<Channel>& channels) {
  if (!n.constant(2)) return;
  const OracleConstant& b = *n.constant(2);
  const bool ours = has_integer_bias(b, channels);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    Channel& channel = channels[c];
    if (ours) {
      channel.bias = static_cast<float>(b.integers[c]);
      continue;
    }
    const float scale = scale_for_bias(channel, b.values[c]);
    for (std::int64_t i = 0; scale != channel.weight_scale && i < channel.count; ++i) {
      const float q = std::nearbyintf(static_cast<float>(channel.weights[i]) * channel.weight_scale / scale);
      channel.weights[i] = static_cast<std::int16_t>(std::clamp(q, -128.0F, 127.0F));
    }
    channel.weight_scale = scale;
    channel.scale = channel.input_scale * scale;
    channel.bias = std::nearbyintf(b.values[c] / channel.scale);
  }
}

OracleTensor int8_layer(const OracleNode& n) {
  const OracleTensor& input = n.tensor(0);
  const OracleConstant& weight = *n.constant(1);
  const Geometry g = geometry(n);
  std::vector<std::int16_t> w = weights_by_output(g, weight.integers);
  std::vector<Channel> channels;
  for (std::int64_t c = 0; c < g.out_channels; ++c) {
    const float weight_scale = weight.scales[at(c) % weight.scales.size()];
    channels.push_back(
        {input.grid->scale, weight_scale, input.grid->scale * weight_scale, 0.0F, &w[at(c * g.window())], g.window()});
  }
  take_bias(n, channels);
  std::vector<std::int16_t> x(input.integers.size()), window(at(g.window()));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::int16_t>(input.integers[i] - input.grid->offset);
  OracleTensor y;
  y.values.resize(at(element_count(n.shape())));
  for (std::int64_t image = 0; image < g.n; ++image)
    for (std::int64_t group = 0; group < g.groups; ++group)
      for (std::int64_t oh = 0; oh < g.out_h; ++oh)
        for (std::int64_t ow = 0; ow < g.out_w; ++ow) {
          const std::int64_t first = image * g.in_channels + group * g.in_group();
          read_window(g, &x[at(first * g.in_h * g.in_w)], oh, ow, window.data());
          for (std::int64_t c = group * g.out_group(); c < (group + 1) * g.out_group(); ++c) {
            const Channel& channel = channels[at(c)];
            const std::int64_t acc = sum_of_products(g.window(), window.data(), channel.weights);
            y.values[at(((image * g.out_channels + c) * g.out_h + oh) * g.out_w + ow)] =
                (static_cast<float>(acc) + channel.bias) * channel.scale;
          }
        }
  return y;
}

OracleTensor float_linear(const OracleNode& n, const Geometry& g) {
  OracleTensor y;
  y.values.resize(at(element_count(n.shape())));
  Floats weights = n.constant(1)->values;
  if (g.weight_in_out)
    for (std::int64_t o = 0; o < g.out_channels; ++o)
      for (std::int64_t k = 0; k < g.in_channels; ++k)
        weights[at(o * g.in_channels + k)] = n.constant(1)->values[at(k * g.out_channels + o)];
  kernels::linear_forward({g.n, g.in_channels, g.out_channels}, n.tensor(0).values.data(), weights.data(),
                          y.values.data());
  if (n.constant(2)) kernels::add_channels({g.n, g.out_channels}, n.constant(2)->values.data(), y.values.data());
  return y;
}

// The kernels of training want channels-last.
OracleTensor float_conv(const OracleNode& n, const Geometry& g) {
  OracleTensor y;
  y.values.resize(at(element_count(n.shape())));
  Floats x(n.tensor(0).values.size()), out(y.values.size());
  kernels::nchw_to_nhwc({g.n, g.in_channels, g.in_h * g.in_w}, n.tensor(0).values.data(), x.data());
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
  const float* const weights = n.constant(1)->values.data();
  const float* const bias = n.constant(2) ? n.constant(2)->values.data() : nullptr;
  if (g.transposed) {
    kernels::conv_backward_data(s, weights, x.data(), out.data());
    if (bias) kernels::add_channels({g.n * g.out_h * g.out_w, g.out_channels}, bias, out.data());
  } else {
    kernels::conv_forward(s, x.data(), weights, bias, out.data());
  }
  kernels::nhwc_to_nchw({g.n, g.out_channels, g.out_h * g.out_w}, out.data(), y.values.data());
  return y;
}

}  // namespace

OracleTensor oracle_layer(const OracleNode& n) {
  if (is_int8_layer(n)) return int8_layer(n);
  const Geometry g = geometry(n);
  return n.node.op == "linear" ? float_linear(n, g) : float_conv(n, g);
}

}  // namespace octet::test
