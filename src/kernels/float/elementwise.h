// SPDX-License-Identifier: Apache-2.0
// Arithmetic element by element, on `n` values in memory order. Functions of one value are in function.h; ReLU and add
// in epilogue.h, where they fuse.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// y = factor * (a - b).
void difference(std::int64_t n, float factor, const float* a, const float* b, float* y);
/// y = a * b.
void product(std::int64_t n, const float* a, const float* b, float* y);
/// y = factor * x.
void scale(std::int64_t n, float factor, const float* x, float* y);
/// y = factor * x + offset, both steps rounded.
void scale_and_shift(std::int64_t n, float factor, float offset, const float* x, float* y);

}  // namespace octet::kernels
