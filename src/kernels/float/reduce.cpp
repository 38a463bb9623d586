// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/reduce.h"

#include <vector>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

// term(0) + ... + term(n - 1); term i goes to lane i % kLanes.
template <typename Term>
[[gnu::always_inline]] inline double lane_sum(std::int64_t n, const Term& term) {
  double lanes[kLanes] = {};
  const std::int64_t whole = n / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  for (std::int64_t i = whole; i < n; ++i) lanes[i - whole] += term(i);
  double total = 0.0;
  for (double lane : lanes) total += lane;
  return total;
}

OCTET_CLONES double sum_chunk(std::int64_t n, const float* x) {
  return lane_sum(n, [=](std::int64_t i) { return static_cast<double>(x[i]); });
}

OCTET_CLONES double dot_chunk(std::int64_t n, const float* a, const float* b) {
  return lane_sum(n, [=](std::int64_t i) { return static_cast<double>(a[i]) * static_cast<double>(b[i]); });
}

OCTET_CLONES double squared_distance_chunk(std::int64_t n, const float* a, const float* b) {
  return lane_sum(n, [=](std::int64_t i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    return difference * difference;
  });
}

// Adds chunk(begin, size) over the chunks of [0, n), in their order.
template <typename Chunk>
double sum_of_chunks(std::int64_t n, const Chunk& chunk) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<double> parts(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    parts[static_cast<std::size_t>(i)] = chunk(chunks.begin(i), chunks.end(i) - chunks.begin(i));
  });
  double total = 0.0;
  for (double part : parts) total += part;
  return total;
}

}  // namespace

double sum(std::int64_t n, const float* x) {
  return sum_of_chunks(n, [=](std::int64_t i, std::int64_t size) { return sum_chunk(size, x + i); });
}

double dot(std::int64_t n, const float* a, const float* b) {
  return sum_of_chunks(n, [=](std::int64_t i, std::int64_t size) { return dot_chunk(size, a + i, b + i); });
}

double squared_distance(std::int64_t n, const float* a, const float* b) {
  return sum_of_chunks(n,
                       [=](std::int64_t i, std::int64_t size) { return squared_distance_chunk(size, a + i, b + i); });
}

}  // namespace octet::kernels
