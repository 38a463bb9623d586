// SPDX-License-Identifier: Apache-2.0
// The differentiable ops. Shapes, defaults and formulas are PyTorch's (torch.nn.functional) unless a comment says more;
// options and shape rules stand in the operator table (graph/operator.h). Every op throws Error when shapes or options
// do not fit, naming the rule and the values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/rng.h"
#include "octet/graph/operators_conv.h"
#include "octet/graph/operators_norm.h"
#include "octet/graph/operators_pool.h"
#include "octet/graph/operators_shape.h"
#include "octet/kernels/float/function.h"

namespace octet {

// ---- convolution, linear, padding (ops_conv.cpp, ops_pad.cpp) ------------------------------------------------------

/// 2-D convolution (cross-correlation), zero padded.
/// x [N, Cin, H, W], w [Cout, Cin/groups, Kh, Kw] row-major, bias [Cout] or undefined -> [N, Cout, H', W'],
/// H' = floor((H + 2*padding - dilation*(Kh-1) - 1) / stride) + 1. dilation 1 means dense.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params);

/// Transposed 2-D convolution: the gradient of conv2d with respect to its input.
/// x [N, Cin, H, W], w [Cin, Cout/groups, Kh, Kw] row-major, bias [Cout] or undefined -> [N, Cout, H', W'],
/// H' = (H-1)*stride - 2*padding + dilation*(Kh-1) + output_padding + 1.
/// output_padding must be smaller than stride or dilation.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvTranspose2dParams& params);

/// y = x w' + bias. x [..., in], w [out, in], bias [out] or undefined -> [..., out].
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias);

/// Pads H and W of x [N, C, H, W]. kReflect needs padding < size, kCircular padding <= size.
Tensor pad2d(const Tensor& x, Size2 padding, PaddingMode mode);

// ---- normalisation (ops_fused.cpp) ---------------------------------------------------------------------------------

/// Batch normalisation over N, H, W of x [N, C, H, W] (or N of [N, C]); gamma, beta, running_* are [C].
/// Training updates running_mean and running_var (unbiased variance) in place; an undefined running tensor is left out
/// (then evaluation, too, uses batch statistics). gamma and beta may be undefined (1 and 0).
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormParams& params);

// ---- element-wise (ops_elementwise.cpp; clamps and add: ops_fused.cpp; dropout: ops_random.cpp) -------------------

Tensor relu(const Tensor& x);
/// min(max(x, 0), 6).
Tensor relu6(const Tensor& x);
/// min(max(x, min), max); the gradient passes from min to max, both included (PyTorch's clamp). Infinite: no bound.
/// Throws Error if min is above max.
Tensor clip(const Tensor& x, float min, float max);

/// f of every element; `a` is the option of those functions that have one (kernels/float/function.h).
Tensor apply_function(kernels::Function f, const Tensor& x, float a = 0.0F);
inline Tensor hardsigmoid(const Tensor& x) { return apply_function(kernels::Function::kHardsigmoid, x); }
inline Tensor hardswish(const Tensor& x) { return apply_function(kernels::Function::kHardswish, x); }
inline Tensor leaky_relu(const Tensor& x, float negative_slope = 0.01F) {
  return apply_function(kernels::Function::kLeakyRelu, x, negative_slope);
}
inline Tensor sigmoid(const Tensor& x) { return apply_function(kernels::Function::kSigmoid, x); }
inline Tensor silu(const Tensor& x) { return apply_function(kernels::Function::kSilu, x); }
inline Tensor tanh(const Tensor& x) { return apply_function(kernels::Function::kTanh, x); }

/// Element-wise; shapes must be equal, or one operand a one-element tensor.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }

/// Zeroes each element with probability p and scales the rest by 1/(1-p). Draws one number of `rng` per call and the
/// mask from a stream of its own, so the result does not depend on the number of threads. p in [0, 1).
Tensor dropout(const Tensor& x, float p, Rng& rng);

// ---- shape (ops_shape.cpp) -----------------------------------------------------------------------------------------

/// Joins along `dim` (negative counts from the end); all other sizes equal. dim is logical: 1 is the channel.
Tensor cat(std::span<const Tensor> parts, std::int64_t dim);
/// Row-major logical order (N, C, H, W) is kept, as in PyTorch. One size may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Merges dimensions start..end into one.
Tensor flatten(const Tensor& x, std::int64_t start_dim = 1, std::int64_t end_dim = -1);

// ---- pooling (ops_pool.cpp) ----------------------------------------------------------------------------------------

/// Padding at most half the kernel. On a tie the first element in row order takes the gradient; NaN propagates.
Tensor max_pool2d(const Tensor& x, const MaxPool2dParams& params);
Tensor avg_pool2d(const Tensor& x, const AvgPool2dParams& params);
/// Window i covers rows floor(i*H/H') .. ceil((i+1)*H/H') - 1.
Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output_size);

// ---- softmax, losses, reductions (ops_loss.cpp) --------------------------------------------------------------------

/// Along `dim` of a 2-D tensor, or dim 1 of an activation.
Tensor softmax(const Tensor& x, std::int64_t dim = -1);
Tensor log_softmax(const Tensor& x, std::int64_t dim = -1);

struct CrossEntropyParams {
  float label_smoothing = 0.0F;  ///< in [0, 1)
};

/// Mean over the batch of -sum_k t_k log softmax(logits)_k, t = (1 - label_smoothing) one_hot + label_smoothing / K.
/// logits [N, K], labels N integers in [0, K) -> scalar.
Tensor cross_entropy(const Tensor& logits, std::span<const std::int64_t> labels, const CrossEntropyParams& params = {});
/// Mean of (a - b)^2 -> scalar.
Tensor mse_loss(const Tensor& a, const Tensor& b);
/// Over all elements -> scalar. Added in a fixed order, in double.
Tensor mean(const Tensor& x);
Tensor sum(const Tensor& x);

}  // namespace octet
