// SPDX-License-Identifier: Apache-2.0
// Functions of one value, and their gradients. What trains with one of them and what a deployed plan computes is the
// same loop. ReLU is no such function: it is part of the epilogue (epilogue.h), where it fuses.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// `a` is the option of those that have one. At kinks the gradient is that of the outer pieces.
enum class Function {
  kHardsigmoid,  ///< min(max(x + 3, 0), 6) / 6
  kHardswish,    ///< x * min(max(x + 3, 0), 6) / 6
  kLeakyRelu,    ///< x > 0 ? x : a * x
  kRelu6,        ///< min(max(x, 0), 6)
  kSigmoid,      ///< 1 / (1 + exp(-x))
  kSilu,         ///< x / (1 + exp(-x))
  kTanh,
};

/// y = f(x) for n values. NaN gives NaN.
void function_forward(Function f, float a, std::int64_t n, const float* x, float* y);
/// Whether the gradient is computed from y: x need not be kept then.
bool gradient_reads_result(Function f, float a);
/// dx = f'(x) * dy, from y where gradient_reads_result(), else from x.
void function_backward(Function f, float a, std::int64_t n, const float* from, const float* dy, float* dx);

}  // namespace octet::kernels
