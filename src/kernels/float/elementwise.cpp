// SPDX-License-Identifier: Apache-2.0
// Plain loops over chunks.
#include "octet/kernels/float/elementwise.h"

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

OCTET_CLONES void difference_chunk(std::int64_t n, float factor, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * (a[i] - b[i]);
}

OCTET_CLONES void product_chunk(std::int64_t n, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

OCTET_CLONES void scale_chunk(std::int64_t n, float factor, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

OCTET_CLONES void scale_and_shift_chunk(std::int64_t n, float factor, float offset, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i] + offset;
}

// Runs chunk(begin, size) over [0, n).
template <typename Chunk>
void stream(std::int64_t n, const Chunk& chunk) {
  parallel_range(n, kStreamChunk, [&](std::int64_t begin, std::int64_t end) { chunk(begin, end - begin); });
}

}  // namespace

void difference(std::int64_t n, float factor, const float* a, const float* b, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { difference_chunk(size, factor, a + i, b + i, y + i); });
}

void product(std::int64_t n, const float* a, const float* b, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { product_chunk(size, a + i, b + i, y + i); });
}

void scale(std::int64_t n, float factor, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { scale_chunk(size, factor, x + i, y + i); });
}

void scale_and_shift(std::int64_t n, float factor, float offset, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { scale_and_shift_chunk(size, factor, offset, x + i, y + i); });
}

}  // namespace octet::kernels
