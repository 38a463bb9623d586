// SPDX-License-Identifier: Apache-2.0
// Padding of channels-last images. How they are padded is two maps, so that all modes share these two loops.
#pragma once

#include <cstdint>
#include <vector>

namespace octet::kernels {

struct PadShape {
  std::int64_t n = 0, c = 0, h = 0, w = 0;  ///< the image before padding
  std::vector<std::int64_t> rows, columns;  ///< per padded row and column: which one it shows, or -1 for zeros
};

void pad_forward(const PadShape& s, const float* x, float* y);
/// dx = the sum of dy over all places that show an element, rows and columns ascending.
void pad_backward(const PadShape& s, const float* dy, float* dx);

}  // namespace octet::kernels
