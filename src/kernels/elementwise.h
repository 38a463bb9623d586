// SPDX-License-Identifier: Apache-2.0
// Functions of one element, and their gradients. ReLU and add live in epilogue.h, where they fuse.
//
// Every function handles `n` values in memory order. A backward function reads x or y, whichever its name says (where y
// tells enough, x need not be kept), and writes dx = dy * derivative.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// y = min(max(x, 0), 6). The gradient passes strictly between 0 and 6.
void relu6_forward(std::int64_t n, const float* x, float* y);
void relu6_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx);

/// y = x > 0 ? x : slope * x.
void leaky_relu_forward(std::int64_t n, float slope, const float* x, float* y);
/// For slope >= 0 y may stand for x: both are positive together.
void leaky_relu_backward(std::int64_t n, float slope, const float* x, const float* dy, float* dx);

/// y = 1 / (1 + exp(-x)).
void sigmoid_forward(std::int64_t n, const float* x, float* y);
void sigmoid_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx);

void tanh_forward(std::int64_t n, const float* x, float* y);
void tanh_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx);

/// y = x * sigmoid(x).
void silu_forward(std::int64_t n, const float* x, float* y);
void silu_backward_from_x(std::int64_t n, const float* x, const float* dy, float* dx);

/// y = x * min(max(x + 3, 0), 6) / 6. At the kinks -3 and 3 the gradient is that of the outer pieces, 0 and 1.
void hardswish_forward(std::int64_t n, const float* x, float* y);
void hardswish_backward_from_x(std::int64_t n, const float* x, const float* dy, float* dx);

/// y = factor * (a - b).
void difference(std::int64_t n, float factor, const float* a, const float* b, float* y);
/// y = a * b.
void product(std::int64_t n, const float* a, const float* b, float* y);
/// y = factor * x.
void scale(std::int64_t n, float factor, const float* x, float* y);
/// y = factor * x + offset, both steps rounded.
void scale_and_shift(std::int64_t n, float factor, float offset, const float* x, float* y);

}  // namespace octet::kernels
