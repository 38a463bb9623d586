// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/shape.h"

#include <algorithm>

#include "octet/kernels/core/parallel.h"

namespace octet::kernels {

void copy_rows(const RowCopy& s, const float* from, float* to) {
  if (s.rows == 1 || (s.width == s.from_pitch && s.width == s.to_pitch)) {  // one piece
    parallel_range(s.rows * s.width, kStreamChunk,
                   [=](std::int64_t begin, std::int64_t end) { std::copy(from + begin, from + end, to + begin); });
    return;
  }
  const std::int64_t rows = std::max<std::int64_t>(1, kStreamChunk / std::max<std::int64_t>(1, s.width));
  parallel_range(s.rows, rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) std::copy_n(from + r * s.from_pitch, s.width, to + r * s.to_pitch);
  });
}

}  // namespace octet::kernels
