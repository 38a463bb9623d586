// SPDX-License-Identifier: Apache-2.0
// Pooling of channels-last images.
//
// Both directions run over rows of what they write and gather what they read: no two tasks meet, and every sum has one
// order.
#pragma once

#include <cstdint>
#include <vector>

#include "octet/base/shape.h"

namespace octet::kernels {

struct MaxPoolShape {
  std::int64_t n = 0, c = 0, h = 0, w = 0;  ///< input [n, c, h, w]
  std::int64_t oh = 0, ow = 0;              ///< output [n, c, oh, ow]
  Size2 kernel = 1, stride = 1, padding = 0, dilation = 1;

  /// Backward needs to know the winner of every window: its number i * kernel.w + j within the window, an i32 if a u8
  /// is not enough.
  bool wide_winners() const { return kernel.h * kernel.w > 256; }
  std::int64_t winners_bytes() const { return n * oh * ow * c * (wide_winners() ? 4 : 1); }
};

/// y = the largest value of each window, NaN if there is one. Of equal values the first in row order wins, of NaNs the
/// last. Every window must see the image. `winners` may be null.
void max_pool_forward(const MaxPoolShape& s, const float* x, float* y, void* winners);
void max_pool_backward(const MaxPoolShape& s, const void* winners, const float* dy, float* dx);

/// Rows (or columns) begin .. end - 1 of the image, averaged as if there were `count` of them.
struct Window {
  std::int64_t begin, end, count;
};

struct AvgPoolShape {
  std::int64_t n = 0, c = 0, h = 0, w = 0;  ///< input [n, c, h, w]
  std::vector<Window> rows, columns;        ///< per output row and column; begins and ends ascend
};

/// y = the sum of each window / (row count * column count).
void avg_pool_forward(const AvgPoolShape& s, const float* x, float* y);
void avg_pool_backward(const AvgPoolShape& s, const float* dy, float* dx);

}  // namespace octet::kernels
