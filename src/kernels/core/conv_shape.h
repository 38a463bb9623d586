// SPDX-License-Identifier: Apache-2.0
// The sizes of a convolution; a transposed one is described by the convolution whose data gradient it is.
#pragma once

#include <cstdint>

#include "octet/base/shape.h"

namespace octet::kernels {

struct ConvShape {
  std::int64_t n = 0, ci = 0, h = 0, w = 0;  ///< input [n, ci, h, w]
  std::int64_t co = 0, kh = 0, kw = 0;       ///< weights [co, ci / groups, kh, kw]
  std::int64_t oh = 0, ow = 0;               ///< output [n, co, oh, ow]
  Size2 stride = 1, padding = 0, dilation = 1;
  std::int64_t groups = 1;

  friend bool operator==(const ConvShape&, const ConvShape&) = default;
  std::int64_t weight_count() const { return co * (ci / groups) * kh * kw; }
};

}  // namespace octet::kernels
