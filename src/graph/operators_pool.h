// SPDX-License-Identifier: Apache-2.0
// Pooling: options and shape rules. Names and defaults are PyTorch's (torch.nn.functional).
#pragma once

#include <cstdint>

#include "octet/graph/graph.h"
#include "octet/kernels/core/pool_shape.h"

namespace octet {

namespace ops {
inline constexpr const char* kMaxPool2d = "max_pool2d";
inline constexpr const char* kAvgPool2d = "avg_pool2d";
inline constexpr const char* kAdaptiveAvgPool2d = "adaptive_avg_pool2d";
}  // namespace ops

struct MaxPool2dParams {
  Size2 kernel_size;
  OptionalSize2 stride = {};  ///< default: kernel_size
  Size2 padding = 0, dilation = 1;
  bool ceil_mode = false;
  OptionalSize2 end_padding = {};  ///< below and to the right, where it differs from `padding`
};

struct AvgPool2dParams {
  Size2 kernel_size;
  OptionalSize2 stride = {};  ///< default: kernel_size
  Size2 padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  OptionalSize2 end_padding = {};  ///< below and to the right, where it differs from `padding`
};

Attributes attributes_of(const MaxPool2dParams& params);
Attributes attributes_of(const AvgPool2dParams& params);
MaxPool2dParams max_pool2d_params(const Attributes& attributes);
AvgPool2dParams avg_pool2d_params(const Attributes& attributes);

/// x [N, C, H, W]. With ceil_mode the last window may hang over the edge, but it starts within the image or its first
/// padding. Throws Error if the window does not fit, padding is not smaller than the kernel, or a window sees padding
/// only.
kernels::MaxPoolShape max_pool2d_shape(const Shape& x, const MaxPool2dParams& params);
/// The same, with the window of each row and column of the result.
kernels::AvgPoolShape avg_pool2d_shape(const Shape& x, const AvgPool2dParams& params);
/// Window i covers rows floor(i*H/H') .. ceil((i+1)*H/H') - 1.
kernels::AvgPoolShape adaptive_avg_pool2d_shape(const Shape& x, Size2 output_size);

}  // namespace octet
