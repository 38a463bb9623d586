// SPDX-License-Identifier: Apache-2.0
// The quantizers as scalar loops, in the words of their definition: the oracle of the kernels. Elements in float32, as
// they are defined; sums in double, with the sums of the absolute terms, which tolerances are relative to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace octet::test {

/// q = clamp(rint(x / scale) + offset, low, high); x^ = (q - offset) * scale.
struct ReferenceGrid {
  float scale;
  int offset;
  int bits;

  float high() const { return static_cast<float>((std::int64_t{1} << (bits - 1)) - 1); }
  float low() const { return -high() - 1.0F; }
  float steps() const { return high() - low(); }

  float q(float x) const { return std::clamp(std::rint(x / scale) + static_cast<float>(offset), low(), high()); }
  float fake(float x) const { return (q(x) - static_cast<float>(offset)) * scale; }
  bool above(float x) const { return x > scale * (high() - static_cast<float>(offset)); }
  bool below(float x) const { return x < scale * (low() - static_cast<float>(offset)); }
};

struct Sum {
  double value = 0.0, absolute = 0.0;
  void add(double term) {
    value += term;
    absolute += std::fabs(term);
  }
};

struct ReferenceUlq {
  std::vector<float> y, dx;
  Sum clip_max, clip_min;
};

inline ReferenceUlq reference_ulq(const ReferenceGrid& grid, float clip_max, float clip_min,
                                  const std::vector<float>& x, const std::vector<float>& dy) {
  ReferenceUlq result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool above = grid.above(x[i]), below = grid.below(x[i]);
    const float t = (below ? clip_min : above ? clip_max : x[i]) / grid.scale;
    const float e = (std::rint(t) - t) / grid.steps();
    result.y.push_back(grid.fake(x[i]));
    result.dx.push_back(above || below ? 0.0F : dy[i]);
    const double g = static_cast<double>(dy[i]);
    result.clip_max.add((static_cast<double>(e) + (above ? 1.0 : 0.0)) * g);
    result.clip_min.add(((below ? 1.0 : 0.0) - static_cast<double>(e)) * g);
  }
  return result;
}

/// The output channel of element `i` of a ConvTranspose2d weight [Cin, Cout/groups, run], Cout in all.
inline std::int64_t transposed_output_channel(std::int64_t i, std::int64_t in_channels, std::int64_t out_channels,
                                              std::int64_t groups, std::int64_t run) {
  const std::int64_t in = i / run / (out_channels / groups), out = i / run % (out_channels / groups);
  return in / (in_channels / groups) * (out_channels / groups) + out;
}

}  // namespace octet::test
