// SPDX-License-Identifier: Apache-2.0
// The two forms of the epilogue's loop; they compute the same bits. Private to the room.
#pragma once

#include "octet/kernels/int8/int8_epilogue.h"

namespace octet::kernels {

/// By the definition, for any machine.
void finish_plain(const Int8Finisher::Plan& plan, const Int8Tile& tile, const Int8Results& results);

/// Sixteen lanes of AVX-512, dividing by multiplication and two corrections.
void finish_avx512(const Int8Finisher::Plan& plan, const Int8Tile& tile, const Int8Results& results);
/// True on machines that have it, and if for this scale every float is quantized as by a true division: proven by
/// trying the floats around each of the ends between two integers.
bool avx512_quantizes_exactly(const Int8Scale& s);

/// quantize(relu?(level * inner.scale + dequantize(r))), a function of two bytes: relu where low is 0.
struct ByteSumProblem {
  Int8Scale inner, residual, output;
  float low;
};
/// level * sum.level + (r * sum.residual + sum.constant), each parenthesis one fused step, rounded, gives the same byte
/// for all pairs; or nothing, where no such numbers were found.
std::optional<ByteSum> find_byte_sum(const ByteSumProblem& problem);

}  // namespace octet::kernels
