// SPDX-License-Identifier: Apache-2.0
// Quantized images between layers: made from float ones, pooled, brought into the order of their logical shape.
#pragma once

#include <cstdint>

#include "octet/kernels/float/layout.h"
#include "octet/kernels/float/pool.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

/// q, channels-last, of x, channels-first. False if some x is not finite; q is then of no use.
bool quantize_nchw(const ImageBatch& shape, const Int8Scale& s, const float* x, std::uint8_t* q);

/// max_pool_forward() on integers: quantization keeps the order of values, so their largest is the same one.
void max_pool_u8(const MaxPoolShape& s, const std::uint8_t* x, std::uint8_t* y);

/// Channels-first of channels-last.
void nhwc_to_nchw_u8(const ImageBatch& shape, const std::uint8_t* nhwc, std::uint8_t* nchw);

/// Copies `rows` rows of `width` bytes; row r starts at r * pitch in its array.
struct ByteRowCopy {
  std::int64_t rows, width, from_pitch, to_pitch;
};
void copy_byte_rows(const ByteRowCopy& shape, const std::uint8_t* from, std::uint8_t* to);

}  // namespace octet::kernels
