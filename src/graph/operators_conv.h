// SPDX-License-Identifier: Apache-2.0
// Convolution, transposed convolution and the fully connected layer: options and shape rules. Names, defaults and
// formulas are PyTorch's (torch.nn.functional).
#pragma once

#include <cstdint>

#include "octet/graph/graph.h"
#include "octet/kernels/core/conv_shape.h"
#include "octet/kernels/core/linear_shape.h"

namespace octet {

namespace ops {
inline constexpr const char* kConv2d = "conv2d";
inline constexpr const char* kConvTranspose2d = "conv_transpose2d";
inline constexpr const char* kLinear = "linear";
}  // namespace ops

struct Conv2dParams {
  Size2 stride = 1, padding = 0, dilation = 1;
  std::int64_t groups = 1;
  OptionalSize2 end_padding = {};  ///< below and to the right, where it differs from `padding`
};

struct ConvTranspose2dParams {
  Size2 stride = 1, padding = 0, dilation = 1, output_padding = 0;
  std::int64_t groups = 1;
};

Attributes attributes_of(const Conv2dParams& params);
Attributes attributes_of(const ConvTranspose2dParams& params);
Conv2dParams conv2d_params(const Attributes& attributes);
ConvTranspose2dParams conv_transpose2d_params(const Attributes& attributes);

/// x [N, Cin, H, W], w [Cout, Cin/groups, Kh, Kw], bias [Cout] or null. Throws Error if channels, groups or the window
/// do not fit.
kernels::ConvShape conv2d_shape(const Shape& x, const Shape& w, const Shape* bias, const Conv2dParams& params);
/// x [N, Cin, H, W], w [Cin, Cout/groups, Kh, Kw], bias [Cout] or null -> the convolution whose data gradient this is:
/// x is its output. Throws Error if channels, groups or output_padding do not fit, or the output would be empty.
kernels::ConvShape conv_transpose2d_shape(const Shape& x, const Shape& w, const Shape* bias,
                                          const ConvTranspose2dParams& params);
/// x [..., in], w [out, in], bias [out] or null.
kernels::LinearShape linear_shape(const Shape& x, const Shape& w, const Shape* bias);

}  // namespace octet
