// SPDX-License-Identifier: Apache-2.0
// Pooling as its definition says, in double precision: one window at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "octet/autograd/ops.h"
#include "support/array64.h"

namespace octet::test {

/// One direction of a pool.
struct PoolAxis {
  std::int64_t size, kernel, stride, padding, dilation;

  std::int64_t start(std::int64_t window) const { return window * stride - padding; }
  std::int64_t last(std::int64_t window) const { return start(window) + dilation * (kernel - 1); }
  /// A window exists if it ends within the padded image; with ceil_mode, also one that hangs over, if the window before
  /// it ended within and it does not start in the right padding.
  bool has(std::int64_t window, bool ceil_mode) const {
    const std::int64_t end = size + padding;
    return last(window) < end || (ceil_mode && last(window - 1) + 1 < end && start(window) < size);
  }
  std::int64_t windows(bool ceil_mode) const {
    std::int64_t count = 0;
    while (has(count, ceil_mode)) ++count;
    return count;
  }
};

inline PoolAxis rows_of(const Array64& x, Size2 kernel, Size2 stride, Size2 padding, Size2 dilation = 1) {
  return {x.shape[2], kernel.h, stride.h, padding.h, dilation.h};
}
inline PoolAxis columns_of(const Array64& x, Size2 kernel, Size2 stride, Size2 padding, Size2 dilation = 1) {
  return {x.shape[3], kernel.w, stride.w, padding.w, dilation.w};
}

/// y[n, c, i, j] = window(plane of x, i, j).
inline Array64 pool_reference(const Array64& x, std::int64_t oh, std::int64_t ow,
                              const std::function<double(const double*, std::int64_t, std::int64_t)>& window) {
  Array64 y = zeros64({x.shape[0], x.shape[1], oh, ow});
  const std::int64_t plane = x.shape[2] * x.shape[3];
  for (std::int64_t p = 0; p < x.shape[0] * x.shape[1]; ++p)
    for (std::int64_t i = 0; i < oh; ++i)
      for (std::int64_t j = 0; j < ow; ++j) y[(p * oh + i) * ow + j] = window(x.values.data() + p * plane, i, j);
  return y;
}

inline Array64 max_pool2d_reference(const Array64& x, const MaxPool2dParams& p) {
  const Size2 stride = p.stride.value_or(p.kernel_size);
  const PoolAxis rows = rows_of(x, p.kernel_size, stride, p.padding, p.dilation);
  const PoolAxis columns = columns_of(x, p.kernel_size, stride, p.padding, p.dilation);
  return pool_reference(x, rows.windows(p.ceil_mode), columns.windows(p.ceil_mode),
                        [&](const double* plane, std::int64_t i, std::int64_t j) {
                          double largest = -INFINITY;
                          for (std::int64_t h = rows.start(i); h <= rows.last(i); h += rows.dilation)
                            for (std::int64_t w = columns.start(j); w <= columns.last(j); w += columns.dilation)
                              if (h >= 0 && h < rows.size && w >= 0 && w < columns.size)
                                largest = std::max(largest, plane[h * columns.size + w]);
                          return largest;
                        });
}

inline Array64 avg_pool2d_reference(const Array64& x, const AvgPool2dParams& p) {
  const Size2 stride = p.stride.value_or(p.kernel_size);
  const PoolAxis rows = rows_of(x, p.kernel_size, stride, p.padding);
  const PoolAxis columns = columns_of(x, p.kernel_size, stride, p.padding);
  return pool_reference(x, rows.windows(p.ceil_mode), columns.windows(p.ceil_mode),
                        [&](const double* plane, std::int64_t i, std::int64_t j) {
                          double sum = 0, count = 0;
                          for (std::int64_t h = rows.start(i); h <= rows.last(i); ++h)
                            for (std::int64_t w = columns.start(j); w <= columns.last(j); ++w) {
                              const bool seen = h >= 0 && h < rows.size && w >= 0 && w < columns.size;
                              const bool padded = h < rows.size + rows.padding && w < columns.size + columns.padding;
                              if (seen) sum += plane[h * columns.size + w];
                              if (seen || (padded && p.count_include_pad)) ++count;
                            }
                          return sum / count;
                        });
}

inline Array64 adaptive_avg_pool2d_reference(const Array64& x, Size2 out) {
  const std::int64_t height = x.shape[2], width = x.shape[3];
  return pool_reference(x, out.h, out.w, [&](const double* plane, std::int64_t i, std::int64_t j) {
    double sum = 0, count = 0;
    for (std::int64_t h = 0; h < height; ++h)
      for (std::int64_t w = 0; w < width; ++w)  // pixel h is [h/H, (h+1)/H), window i is [i/H', (i+1)/H')
        if ((h + 1) * out.h > i * height && h * out.h < (i + 1) * height && (w + 1) * out.w > j * width &&
            w * out.w < (j + 1) * width) {
          sum += plane[h * width + w];
          ++count;
        }
    return sum / count;
  });
}

}  // namespace octet::test
