// SPDX-License-Identifier: Apache-2.0
// The sizes and windows of pooling.
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

/// Rows (or columns) begin .. end - 1 of the image, averaged as if there were `count` of them.
struct Window {
  std::int64_t begin, end, count;
};

struct AvgPoolShape {
  std::int64_t n = 0, c = 0, h = 0, w = 0;  ///< input [n, c, h, w]
  std::vector<Window> rows, columns;        ///< per output row and column; begins and ends ascend
};

}  // namespace octet::kernels
