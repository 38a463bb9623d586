// SPDX-License-Identifier: Apache-2.0
// Fake quantization: values rounded to a grid of integers and back, and the sums its learned parameters need.
//
// q = clamp(rint(x / scale) + offset, low, high) and y = (q - offset) * scale: true division, half to even, the offset
// added after rounding. Sums are in double over chunks given by sizes alone, and added in their order.
#pragma once

#include <cstdint>
#include <span>

namespace octet::kernels {

/// The integers low .. high, of which q stands for (q - offset) * scale. All are whole numbers but scale, which is > 0.
struct Grid {
  float scale, offset, low, high;
};

/// y = x on the grid. False if some x is not finite; y is then of no use.
bool fake_quantize(std::int64_t n, const Grid& grid, const float* x, float* y);

/// What a quantizer with learned clips did, as its gradient needs it.
struct ClippedGrid {
  Grid grid;
  float clip_max, clip_min;
};
struct ClipGradients {
  double clip_max, clip_min;
};

/// Straight-through: dx = dy where x is on the grid and 0 beyond it; dx may be null. Returns the sums over
/// (e + above) * dy and (below - e) * dy, where e = (rint(t) - t) / (high - low) with t = (x held by the clips) /
/// scale, and above and below are 1 where x is beyond that end of the grid.
ClipGradients clipped_backward(std::int64_t n, const ClippedGrid& quantizer, const float* x, const float* dy,
                               float* dx);

/// What multiplies dy in those sums. max[i] = e + above, the factor of clip_max; that of clip_min is beyond[i] -
/// max[i], where beyond is 1 off the grid and 0 on it. Returns how many are beyond.
std::int64_t clip_factors(std::int64_t n, const ClippedGrid& quantizer, const float* x, float* max,
                          std::uint8_t* beyond);

struct Extremes {
  float max, min;
  bool finite;  ///< all values are; else max and min are of no use
};
/// Of n > 0 values.
Extremes extremes(std::int64_t n, const float* x);

/// losses[k] += sum over x of (rint(clamp(x, -clips[k], clips[k]) / scales[k]) * scales[k] - x)^2, each term times its
/// count if counts is not null.
void add_rounding_losses(std::int64_t n, const float* x, const double* counts, std::span<const float> clips,
                         std::span<const float> scales, std::span<double> losses);

/// How output channels lie in a row-major weight: element [g, i, j, r] of [groups, rows, channels, run] belongs to
/// output channel g * channels + j.
struct ChannelView {
  std::int64_t groups, rows, channels, run;

  std::int64_t outputs() const { return groups * channels; }
  std::int64_t per_output() const { return rows * run; }
  /// Calls f(begin) for each run of `run` elements of one output channel.
  template <typename F>
  void for_each_run(std::int64_t output, const F& f) const {
    const std::int64_t first = (output / channels * rows * channels + output % channels) * run;
    for (std::int64_t row = 0; row < rows; ++row) f(first + row * channels * run);
  }
};

/// The sum of |q| over the weights of one output channel: times 255, the most that they can add to a sum.
std::int64_t channel_magnitude(const ChannelView& view, std::int64_t output, const std::int8_t* q);

/// max[c] and min[c] over each output channel. False if some value is not finite.
bool channel_extremes(const ChannelView& view, const float* w, float* max, float* min);

/// As fake_quantize() with offset 0 and a scale per output channel.
bool fake_quantize_channels(const ChannelView& view, const float* scales, float low, float high, const float* w,
                            float* y);
/// The integers alone, of at most 8 bits: q = clamp(rint(w / scale), low, high). False as above.
bool quantize_channels(const ChannelView& view, const float* scales, float low, float high, const float* w,
                       std::int8_t* q);
/// y = q * scale.
void dequantize_channels(const ChannelView& view, const float* scales, const std::int8_t* q, float* y);

/// sums[c] = sum of d * dy over output channel c, where d = high or low beyond that end of the grid, else
/// rint(w / scale) - w / scale.
void channel_scale_sums(const ChannelView& view, const float* scales, float low, float high, const float* w,
                        const float* dy, double* sums);

}  // namespace octet::kernels
