// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/quantize.h"

#include <algorithm>
#include <vector>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/quantize/quantize_lanes.h"

namespace octet::kernels {
namespace {

// A rest of fewer than sixteen values takes the same path on a padded copy.
OCTET_CLONES bool quantize_chunk(std::int64_t n, const Int8Scale s, const float* x, std::uint8_t* q) {
  const LaneGrid grid(s);
  Lanes bad = {};
  const std::int64_t whole = n / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    Lanes value;
    load(value, x + i);
    bad += value - value;
    store_quantized(grid, value, q + i);
  }
  if (whole < n) {
    float rest[kLanes] = {};
    std::uint8_t quantized[kLanes];
    std::copy(x + whole, x + n, rest);
    Lanes value;
    load(value, rest);
    bad += value - value;
    store_quantized(grid, value, quantized);
    std::copy_n(quantized, n - whole, q + whole);
  }
  return all_zero(bad);
}

OCTET_CLONES void dequantize_chunk(std::int64_t n, const Int8Scale s, const std::uint8_t* q, float* x) {
  const auto zero = static_cast<float>(s.zero_point);
  for (std::int64_t i = 0; i < n; ++i) x[i] = (static_cast<float>(q[i]) - zero) * s.scale;
}

}  // namespace

bool quantize(std::int64_t n, const Int8Scale& s, const float* x, std::uint8_t* q) {
  const Chunks chunks{n, kStreamChunk};
  std::vector<char> finite(static_cast<std::size_t>(chunks.count()));
  parallel_tasks(chunks.count(), [&](std::int64_t i) {
    const std::int64_t begin = chunks.begin(i);
    finite[static_cast<std::size_t>(i)] = quantize_chunk(chunks.end(i) - begin, s, x + begin, q + begin);
  });
  return std::ranges::all_of(finite, [](char f) { return f != 0; });
}

void dequantize(std::int64_t n, const Int8Scale& s, const std::uint8_t* q, float* x) {
  parallel_range(n, kStreamChunk,
                 [&](std::int64_t begin, std::int64_t end) { dequantize_chunk(end - begin, s, q + begin, x + begin); });
}

}  // namespace octet::kernels
