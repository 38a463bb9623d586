// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/channel_sums.h"

#include <algorithm>
#include <cmath>

#include "octet/kernels/float/periods.h"

namespace octet::kernels {
namespace {

OCTET_CLONES void moments_chunk(const float* x, std::int64_t size, std::int64_t period, const float* pivot, float* sum,
                                float* square) {
  for (std::int64_t lane = 0; lane < period; lane += kGroup) {
    Lanes sums[4] = {}, squares[4] = {}, p[4];
    for (int v = 0; v < 4; ++v) load(p[v], pivot + lane + v * kLanes);
    for_runs(
        lane, size, period, [&](std::int64_t begin, std::int64_t end) __attribute__((always_inline)) {
          Lanes s[4] = {}, q[4] = {};
          for (std::int64_t i = begin; i < end; i += period)
            for (int v = 0; v < 4; ++v) {
              Lanes value;
              load(value, x + i + v * kLanes);
              value -= p[v];
              s[v] += value;
              q[v] += value * value;
            }
          for (int v = 0; v < 4; ++v) {
            sums[v] += s[v];
            squares[v] += q[v];
          }
        });
    for (int v = 0; v < 4; ++v) {
      store(sum + lane + v * kLanes, sums[v]);
      store(square + lane + v * kLanes, squares[v]);
    }
  }
}

OCTET_CLONES void sums_chunk(const float* x, std::int64_t size, std::int64_t period, float* sum) {
  for (std::int64_t lane = 0; lane < period; lane += kGroup) {
    Lanes sums[4] = {};
    for_runs(
        lane, size, period, [&](std::int64_t begin, std::int64_t end) __attribute__((always_inline)) {
          Lanes s[4] = {};
          for (std::int64_t i = begin; i < end; i += period)
            for (int v = 0; v < 4; ++v) {
              Lanes value;
              load(value, x + i + v * kLanes);
              s[v] += value;
            }
          for (int v = 0; v < 4; ++v) sums[v] += s[v];
        });
    for (int v = 0; v < 4; ++v) store(sum + lane + v * kLanes, sums[v]);
  }
}

}  // namespace

void channel_moments(const Rows& shape, const float* x, float* mean, float* variance) {
  const Periods p(shape);
  const Repeated pivot(x, shape.channels, p.period);
  ChannelSums sums(p, shape.channels, 2);
  const Buffer tail =
      p.rest() > 0 ? last_period(p, x, pivot.data()) : Buffer();  // the pivot adds nothing to either sum
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    float* const part = sums.part(k);
    moments_chunk(begin < p.full ? x + begin : tail.floats(), size, p.period, pivot.data(), part, part + p.period);
  });
  const std::vector<double> sum = sums.total(0), square = sums.total(1);
  const double count = static_cast<double>(shape.rows);
  for (std::size_t c = 0; c < sum.size(); ++c) {
    const double shifted = sum[c] / count;
    mean[c] = static_cast<float>(static_cast<double>(x[c]) + shifted);
    variance[c] = static_cast<float>(std::max(square[c] / count - shifted * shifted, 0.0));
  }
}

void channel_sums(const Rows& shape, const float* x, float* sum) {
  const Periods p(shape);
  const Stream stream(p, x);
  ChannelSums sums(p, shape.channels, 1);
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    sums_chunk(stream.at(begin), size, p.period, sums.part(k));
  });
  const std::vector<double> total = sums.total(0);
  for (std::size_t c = 0; c < total.size(); ++c) sum[c] = static_cast<float>(total[c]);
}

void add_channels(const Rows& shape, const float* bias, float* x) {
  parallel_range(shape.rows, std::max<std::int64_t>(kPeriodsChunk / std::max<std::int64_t>(shape.channels, 1), 1),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row)
                     for (std::int64_t c = 0; c < shape.channels; ++c) x[row * shape.channels + c] += bias[c];
                 });
}

float inverse_deviation(float variance, double eps) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance) + eps));
}

}  // namespace octet::kernels
