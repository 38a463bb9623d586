// SPDX-License-Identifier: Apache-2.0
// Initial values of weights, as torch.nn.init has them.
#pragma once

#include <cstdint>

#include "octet/autograd/tensor.h"
#include "octet/base/rng.h"

namespace octet::init {

/// Inputs that reach one output, and outputs that one input reaches: w [a, b, ...] has fan in b * (product of the rest)
/// and fan out a * (product of the rest).
struct Fans {
  std::int64_t in, out;
};
/// Throws Error if `w` has less than two dimensions.
Fans fans(const Tensor& w);

enum class FanMode { kIn, kOut };

void uniform(Tensor& w, float low, float high, Rng& rng);
void normal(Tensor& w, float mean, float deviation, Rng& rng);
void constant(Tensor& w, float value);

/// Normal with deviation sqrt(2 / fan): keeps the size of activations (kIn) or gradients (kOut) through ReLU layers.
void kaiming_normal(Tensor& w, FanMode mode, Rng& rng);
/// Uniform in [-b, b] with b = sqrt(6 / ((1 + a^2) fan_in)); a is the slope of a leaky ReLU.
/// PyTorch's layers use a = sqrt(5), which makes b = 1 / sqrt(fan_in).
void kaiming_uniform(Tensor& w, double a, Rng& rng);

}  // namespace octet::init
