// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/pad.h"

#include <algorithm>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

// Neighbouring padded columns that show neighbouring columns of the image, or zeros.
struct Run {
  std::int64_t padded, image, columns;  // image is -1 for zeros
};

std::vector<Run> runs_of(const std::vector<std::int64_t>& columns) {
  std::vector<Run> runs;
  for (std::int64_t i = 0; i < std::ssize(columns); ++i) {
    const std::int64_t from = columns[static_cast<std::size_t>(i)];
    if (!runs.empty()) {
      Run& last = runs.back();
      if (from == (last.image < 0 ? -1 : last.image + last.columns)) {
        ++last.columns;
        continue;
      }
    }
    runs.push_back({i, from, 1});
  }
  return runs;
}

OCTET_CLONES void add_to(std::int64_t n, const float* from, float* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

std::int64_t rows_per_task(std::int64_t row_values) {
  return std::max<std::int64_t>(1, kStreamChunk / std::max<std::int64_t>(1, row_values));
}

}  // namespace

void pad_forward(const PadShape& s, const float* x, float* y) {
  const std::vector<Run> runs = runs_of(s.columns);
  const std::int64_t rows = std::ssize(s.rows), values = std::ssize(s.columns) * s.c;
  parallel_range(s.n * rows, rows_per_task(values), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* const to = y + r * values;
      const std::int64_t row = s.rows[static_cast<std::size_t>(r % rows)];
      if (row < 0) {
        std::fill_n(to, values, 0.0F);
        continue;
      }
      const float* const from = x + (r / rows * s.h + row) * s.w * s.c;
      for (const Run& run : runs) {
        if (run.image < 0)
          std::fill_n(to + run.padded * s.c, run.columns * s.c, 0.0F);
        else
          std::copy_n(from + run.image * s.c, run.columns * s.c, to + run.padded * s.c);
      }
    }
  });
}

void pad_backward(const PadShape& s, const float* dy, float* dx) {
  const std::vector<Run> runs = runs_of(s.columns);
  const std::int64_t rows = std::ssize(s.rows), values = std::ssize(s.columns) * s.c;
  // A task owns rows of dx and looks for the padded rows that show them: no two tasks write to one place.
  parallel_range(s.n * s.h, rows_per_task(values), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* const to = dx + r * s.w * s.c;
      std::fill_n(to, s.w * s.c, 0.0F);
      for (std::int64_t padded = 0; padded < rows; ++padded) {
        if (s.rows[static_cast<std::size_t>(padded)] != r % s.h) continue;
        const float* const from = dy + (r / s.h * rows + padded) * values;
        for (const Run& run : runs)
          if (run.image >= 0) add_to(run.columns * s.c, from + run.padded * s.c, to + run.image * s.c);
      }
    }
  });
}

}  // namespace octet::kernels
