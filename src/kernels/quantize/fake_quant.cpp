// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/fake_quant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <vector>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

// All bits set if x is infinite or NaN: an integer test, so that it vectorises beside the arithmetic.
[[gnu::always_inline]] inline std::uint32_t not_finite(float x) {
  constexpr std::uint32_t kExponent = 0x7f800000U;
  return (std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent ? ~0U : 0U;
}

// Without an offset the sign of a value that is rounded to zero stays, as it does where a float is the integer.
template <bool kHasOffset>
[[gnu::always_inline]] inline std::uint32_t fake_quantize_loop(std::int64_t n, const Grid& g, const float* __restrict x,
                                                               float* __restrict y) {
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    float q = std::rint(x[i] / g.scale);
    if constexpr (kHasOffset) q += g.offset;
    q = q < g.low ? g.low : q;
    q = q > g.high ? g.high : q;
    if constexpr (kHasOffset) q -= g.offset;
    y[i] = q * g.scale;
    bad |= not_finite(x[i]);
  }
  return bad;
}

OCTET_CLONES std::uint32_t fake_quantize_chunk(std::int64_t n, const Grid g, const float* x, float* y) {
  return g.offset == 0.0F ? fake_quantize_loop<false>(n, g, x, y) : fake_quantize_loop<true>(n, g, x, y);
}

OCTET_CLONES std::uint32_t quantize_chunk(std::int64_t n, float scale, float low, float high, const float* __restrict x,
                                          std::int8_t* __restrict q) {
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    float rounded = std::rint(x[i] / scale);
    rounded = rounded < low ? low : rounded;
    rounded = rounded > high ? high : rounded;
    q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(rounded));
    bad |= not_finite(x[i]);
  }
  return bad;
}

OCTET_CLONES void dequantize_chunk(std::int64_t n, float scale, const std::int8_t* __restrict q, float* __restrict y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(q[i]) * scale;
}

OCTET_CLONES std::int64_t clip_factors_chunk(std::int64_t n, const ClippedGrid& q, const float* __restrict x,
                                             float* __restrict max, std::uint8_t* __restrict beyond) {
  const Grid g = q.grid;
  const float top = g.scale * (g.high - g.offset), bottom = g.scale * (g.low - g.offset), steps = g.high - g.low;
  std::int32_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const bool above = x[i] > top, below = x[i] < bottom;
    const float held = below ? q.clip_min : above ? q.clip_max : x[i];
    const float t = held / g.scale;
    max[i] = (std::rint(t) - t) / steps + (above ? 1.0F : 0.0F);
    beyond[i] = above || below ? 1 : 0;
    count += above || below ? 1 : 0;
  }
  return count;
}

// Sixteen sums, to which element i adds at i % kLanes.
struct LaneSums {
  double lane[kLanes] = {};

  double total() const {
    double sum = 0.0;
    for (double v : lane) sum += v;
    return sum;
  }
};

template <bool kWritesDx>
[[gnu::always_inline]] inline void clipped_backward_loop(std::int64_t n, const ClippedGrid& q,
                                                         const float* __restrict x, const float* __restrict dy,
                                                         float* __restrict dx, LaneSums& max_sums, LaneSums& min_sums) {
  const Grid g = q.grid;
  const float top = g.scale * (g.high - g.offset), bottom = g.scale * (g.low - g.offset), steps = g.high - g.low;
  const auto element = [&](std::int64_t i, std::int64_t lane) {
    const bool above = x[i] > top, below = x[i] < bottom;
    const float held = below ? q.clip_min : above ? q.clip_max : x[i];
    const float t = held / g.scale;
    const float e = (std::rint(t) - t) / steps;
    max_sums.lane[lane] += static_cast<double>((e + (above ? 1.0F : 0.0F)) * dy[i]);
    min_sums.lane[lane] += static_cast<double>(((below ? 1.0F : 0.0F) - e) * dy[i]);
    if constexpr (kWritesDx) dx[i] = above || below ? 0.0F : dy[i];
  };
  const std::int64_t whole = n / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) element(i + lane, lane);
  for (std::int64_t i = whole; i < n; ++i) element(i, i - whole);
}

OCTET_CLONES void clipped_backward_chunk(std::int64_t n, const ClippedGrid& q, const float* x, const float* dy,
                                         float* dx, LaneSums& max_sums, LaneSums& min_sums) {
  if (dx)
    clipped_backward_loop<true>(n, q, x, dy, dx, max_sums, min_sums);
  else
    clipped_backward_loop<false>(n, q, x, dy, nullptr, max_sums, min_sums);
}

OCTET_CLONES std::uint32_t extremes_chunk(std::int64_t n, const float* x, float& max, float& min) {
  std::uint32_t bad = 0;
  float high = x[0], low = x[0];
  for (std::int64_t i = 0; i < n; ++i) {
    high = x[i] > high ? x[i] : high;
    low = x[i] < low ? x[i] : low;
    bad |= not_finite(x[i]);
  }
  max = high;
  min = low;
  return bad;
}

template <bool kCounted>
[[gnu::always_inline]] inline double rounding_loss_loop(std::int64_t n, const float* x, const double* counts,
                                                        float clip, float scale) {
  LaneSums sums;
  const auto element = [&](std::int64_t i, std::int64_t lane) {
    const float low = x[i] < -clip ? -clip : x[i];
    const float held = low > clip ? clip : low;
    const float error = std::rint(held / scale) * scale - x[i];
    const double square = static_cast<double>(error) * static_cast<double>(error);
    sums.lane[lane] += kCounted ? counts[i] * square : square;
  };
  const std::int64_t whole = n / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) element(i + lane, lane);
  for (std::int64_t i = whole; i < n; ++i) element(i, i - whole);
  return sums.total();
}

OCTET_CLONES double rounding_loss_chunk(std::int64_t n, const float* x, const double* counts, float clip, float scale) {
  return counts ? rounding_loss_loop<true>(n, x, counts, clip, scale)
                : rounding_loss_loop<false>(n, x, nullptr, clip, scale);
}

OCTET_CLONES void scale_sum_chunk(std::int64_t n, float scale, float low, float high, const float* w, const float* dy,
                                  LaneSums& sums) {
  const float top = scale * high, bottom = scale * low;
  for (std::int64_t begin = 0; begin < n; begin += kLanes) {
    const std::int64_t lanes = std::min(kLanes, n - begin);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t i = begin + lane;
      const float t = w[i] / scale;
      const float d = w[i] > top ? high : w[i] < bottom ? low : std::rint(t) - t;
      sums.lane[lane] += static_cast<double>(d * dy[i]);
    }
  }
}

// Runs task(c) per output channel in parallel.
template <typename Task>
void for_each_channel(const ChannelView& view, const Task& task) {
  // Some channels at a time: one channel of a small layer is less work than handing it to a thread.
  const std::int64_t at_once = std::max<std::int64_t>(1, kStreamChunk / std::max<std::int64_t>(1, view.per_output()));
  parallel_range(view.outputs(), at_once, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) task(c);
  });
}

bool any(const std::vector<std::uint32_t>& bad) {
  return std::ranges::any_of(bad, [](std::uint32_t b) { return b != 0; });
}

}  // namespace

bool fake_quantize(std::int64_t n, const Grid& grid, const float* x, float* y) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<std::uint32_t> bad(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i);
    bad[static_cast<std::size_t>(i)] = fake_quantize_chunk(chunks.end(i) - begin, grid, x + begin, y + begin);
  });
  return !any(bad);
}

ClipGradients clipped_backward(std::int64_t n, const ClippedGrid& quantizer, const float* x, const float* dy,
                               float* dx) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<ClipGradients> parts(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i);
    LaneSums max_sums, min_sums;
    clipped_backward_chunk(chunks.end(i) - begin, quantizer, x + begin, dy + begin, dx ? dx + begin : nullptr, max_sums,
                           min_sums);
    parts[static_cast<std::size_t>(i)] = {max_sums.total(), min_sums.total()};
  });
  ClipGradients total{0.0, 0.0};
  for (const ClipGradients& part : parts) {
    total.clip_max += part.clip_max;
    total.clip_min += part.clip_min;
  }
  return total;
}

std::int64_t clip_factors(std::int64_t n, const ClippedGrid& quantizer, const float* x, float* max,
                          std::uint8_t* beyond) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<std::int64_t> counts(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i);
    counts[static_cast<std::size_t>(i)] =
        clip_factors_chunk(chunks.end(i) - begin, quantizer, x + begin, max + begin, beyond + begin);
  });
  return std::reduce(counts.begin(), counts.end());
}

Extremes extremes(std::int64_t n, const float* x) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<Extremes> parts(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i);
    Extremes& part = parts[static_cast<std::size_t>(i)];
    part.finite = extremes_chunk(chunks.end(i) - begin, x + begin, part.max, part.min) == 0;
  });
  Extremes total = parts.front();
  for (const Extremes& part : parts)
    total = {std::max(total.max, part.max), std::min(total.min, part.min), total.finite && part.finite};
  return total;
}

void add_rounding_losses(std::int64_t n, const float* x, const double* counts, std::span<const float> clips,
                         std::span<const float> scales, std::span<double> losses) {
  // A chunk stays in a core's cache while all candidates go over it.
  const Chunks chunks{n, kStreamChunk};
  const std::size_t candidates = losses.size();
  std::vector<double> parts(static_cast<std::size_t>(chunks.count()) * candidates);
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i), size = chunks.end(i) - begin;
    for (std::size_t k = 0; k < candidates; ++k)
      parts[static_cast<std::size_t>(i) * candidates + k] =
          rounding_loss_chunk(size, x + begin, counts ? counts + begin : nullptr, clips[k], scales[k]);
  });
  for (std::size_t i = 0; i < parts.size(); ++i) losses[i % candidates] += parts[i];
}

bool channel_extremes(const ChannelView& view, const float* w, float* max, float* min) {
  std::vector<std::uint32_t> bad(static_cast<std::size_t>(view.outputs()));
  for_each_channel(view, [&](std::int64_t c) {
    max[c] = -std::numeric_limits<float>::infinity();
    min[c] = std::numeric_limits<float>::infinity();
    view.for_each_run(c, [&](std::int64_t at) {
      float high, low;
      bad[static_cast<std::size_t>(c)] |= extremes_chunk(view.run, w + at, high, low);
      max[c] = std::max(max[c], high);
      min[c] = std::min(min[c], low);
    });
  });
  return !any(bad);
}

std::int64_t channel_magnitude(const ChannelView& view, std::int64_t output, const std::int8_t* q) {
  std::int64_t sum = 0;
  view.for_each_run(output, [&](std::int64_t at) {
    for (std::int64_t i = at; i < at + view.run; ++i) sum += std::abs(q[i]);
  });
  return sum;
}

bool fake_quantize_channels(const ChannelView& view, const float* scales, float low, float high, const float* w,
                            float* y) {
  std::vector<std::uint32_t> bad(static_cast<std::size_t>(view.outputs()));
  for_each_channel(view, [&](std::int64_t c) {
    const Grid grid{scales[c], 0.0F, low, high};
    view.for_each_run(c, [&](std::int64_t at) {
      bad[static_cast<std::size_t>(c)] |= fake_quantize_chunk(view.run, grid, w + at, y + at);
    });
  });
  return !any(bad);
}

bool quantize_channels(const ChannelView& view, const float* scales, float low, float high, const float* w,
                       std::int8_t* q) {
  std::vector<std::uint32_t> bad(static_cast<std::size_t>(view.outputs()));
  for_each_channel(view, [&](std::int64_t c) {
    view.for_each_run(c, [&](std::int64_t at) {
      bad[static_cast<std::size_t>(c)] |= quantize_chunk(view.run, scales[c], low, high, w + at, q + at);
    });
  });
  return !any(bad);
}

void dequantize_channels(const ChannelView& view, const float* scales, const std::int8_t* q, float* y) {
  for_each_channel(view, [&](std::int64_t c) {
    view.for_each_run(c, [&](std::int64_t at) { dequantize_chunk(view.run, scales[c], q + at, y + at); });
  });
}

void channel_scale_sums(const ChannelView& view, const float* scales, float low, float high, const float* w,
                        const float* dy, double* sums) {
  for_each_channel(view, [&](std::int64_t c) {
    LaneSums lanes;
    view.for_each_run(
        c, [&](std::int64_t at) { scale_sum_chunk(view.run, scales[c], low, high, w + at, dy + at, lanes); });
    sums[c] = lanes.total();
  });
}

}  // namespace octet::kernels
