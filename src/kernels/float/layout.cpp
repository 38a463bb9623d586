// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/layout.h"

#include <algorithm>

#include "octet/kernels/core/parallel.h"

namespace octet::kernels {
namespace {

// Transposes rows x columns within one image, in tiles that stay in the first cache.
void transpose(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  constexpr std::int64_t kTile = 32;
  for (std::int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (std::int64_t c0 = 0; c0 < columns; c0 += kTile)
      for (std::int64_t r = r0; r < std::min(rows, r0 + kTile); ++r)
        for (std::int64_t c = c0; c < std::min(columns, c0 + kTile); ++c) to[c * rows + r] = from[r * columns + c];
}

}  // namespace

void nchw_to_nhwc(const ImageBatch& s, const float* nchw, float* nhwc) {
  parallel_tasks(
      s.n, [&](std::int64_t n) { transpose(nchw + n * s.c * s.pixels, s.c, s.pixels, nhwc + n * s.c * s.pixels); });
}

void nhwc_to_nchw(const ImageBatch& s, const float* nhwc, float* nchw) {
  parallel_tasks(
      s.n, [&](std::int64_t n) { transpose(nhwc + n * s.c * s.pixels, s.pixels, s.c, nchw + n * s.c * s.pixels); });
}

}  // namespace octet::kernels
