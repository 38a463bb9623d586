// SPDX-License-Identifier: Apache-2.0
// Convolution, transposed convolution and linear layer in int8: u8 activations times s8 weights, summed exactly. The
// sums are those of a scalar loop, whatever the instruction set and the version of oneDNN.
#pragma once

#include <cstdint>

#include "octet/kernels/float/conv.h"

namespace octet::kernels {

/// Quantized activations, channels-last: q stands for (q - zero_point) * scale. 0 <= zero_point <= 255.
struct Int8Input {
  const std::uint8_t* q;
  std::int32_t zero_point;
};

/// acc = float(sum of (x - zero_point) * w) over the window; padding counts as the zero point. acc is rounded
/// once, from the exact sum, however many products that has.
void int8_conv(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc);
/// The transposed convolution whose data gradient `s` is: x [n, co, oh, ow] -> acc [n, ci, h, w].
void int8_conv_transpose(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc);

}  // namespace octet::kernels
