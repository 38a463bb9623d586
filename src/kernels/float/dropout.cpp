// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/dropout.h"

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

OCTET_CLONES void apply_chunk(std::int64_t n, const std::uint8_t* keep, float factor, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = keep[i] ? factor * x[i] : 0.0F;
}

}  // namespace

void dropout_mask(std::int64_t n, const Rng& rng, float p, std::uint8_t* keep) {
  constexpr std::int64_t kChunk = 1 << 12;
  const auto dropped = static_cast<std::uint32_t>(static_cast<double>(p) * 0x1p32);  // of the 2^32 numbers
  parallel_range(n, kChunk, [&](std::int64_t begin, std::int64_t end) {
    Rng numbers = rng;
    numbers.set_position(static_cast<std::uint64_t>(begin));
    for (std::int64_t i = begin; i < end; ++i) keep[i] = numbers.next() >= dropped;
  });
}

void dropout_apply(std::int64_t n, const std::uint8_t* keep, float factor, const float* x, float* y) {
  parallel_range(n, kStreamChunk, [=](std::int64_t begin, std::int64_t end) {
    apply_chunk(end - begin, keep + begin, factor, x + begin, y + begin);
  });
}

}  // namespace octet::kernels
