// SPDX-License-Identifier: Apache-2.0
// Looks for the two fused steps that a residual block of quantized bytes is computed in. By its definition
//
//   q = quantize( max(low, level * inner.scale + (r - zero) * residual.scale) ),   level and r whole numbers of 8 bits
//
// takes a product, a difference, a product, a sum, a comparison and a division. Its result is a function of two bytes,
// and nearly rint(fma(level, a, fma(r, b, c))) with a, b, c from the scales. Nearly: the steps round elsewhere. So a, b
// and c are moved by some last places until all 65536 pairs come out right; if none does, the long way is taken.
#include <algorithm>
#include <cmath>
#include <vector>

#include "octet/kernels/int8/int8_epilogue_loops.h"
#include "octet/kernels/quantize/grid_level.h"

namespace octet::kernels {
namespace {

// One pair of bytes and what becomes of it.
struct BytePair {
  float level, residual;
  std::int32_t result;  // q, a byte
};

std::int32_t sum_of_pair(const ByteSum& sum, std::int32_t zero_point, const BytePair& pair) {
  const float y = std::fma(pair.level, sum.level, std::fma(pair.residual, sum.residual, sum.constant));
  return std::clamp(static_cast<std::int32_t>(std::nearbyint(y)) + zero_point, 0, 255);
}

bool holds_for(const ByteSum& sum, std::int32_t zero_point, const std::vector<BytePair>& pairs) {
  return std::ranges::all_of(pairs,
                             [&](const BytePair& pair) { return sum_of_pair(sum, zero_point, pair) == pair.result; });
}

float moved(float value, int steps, float step) { return value + static_cast<float>(steps) * step; }

}  // namespace

std::optional<ByteSum> find_byte_sum(const ByteSumProblem& problem) {
  const Int8Scale &inner = problem.inner, &residual = problem.residual, &output = problem.output;
  std::vector<BytePair> all, close;  // close: next to a half, where rounding could go either way
  for (std::int32_t q = 0; q < 256; ++q)
    for (std::int32_t r = 0; r < 256; ++r) {
      const auto level = static_cast<float>(q - inner.zero_point);
      float y = level * inner.scale + static_cast<float>(r - residual.zero_point) * residual.scale;
      y = y < problem.low ? problem.low : y;
      const float t = y / output.scale;
      const auto byte = static_cast<std::int32_t>(grid_level(output, y)) + output.zero_point;
      all.push_back({level, static_cast<float>(r), byte});
      if (std::fabs(t - std::floor(t) - 0.5F) < 1e-3F) close.push_back(all.back());
    }
  const float a = inner.scale / output.scale, b = residual.scale / output.scale;
  const float c = -static_cast<float>(residual.zero_point) * b;
  if (!(255.0F * (a + b) < 1e6F)) return {};
  const float step_a = std::nextafter(a, INFINITY) - a, step_b = std::nextafter(b, INFINITY) - b;
  constexpr float kStep = 2e-6F;
  for (const int k : {0, 1, -1, 2, -2, 3, -3, 4, -4, 6, -6, 8, -8})
    for (const int i : {0, 1, -1, 2, -2})
      for (const int j : {0, 1, -1, 2, -2}) {
        const ByteSum sum{moved(a, i, step_a), moved(b, j, step_b), moved(c, k, kStep)};
        if (holds_for(sum, output.zero_point, close) && holds_for(sum, output.zero_point, all)) return sum;
      }
  return {};
}

}  // namespace octet::kernels
