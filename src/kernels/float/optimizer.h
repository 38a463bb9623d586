// SPDX-License-Identifier: Apache-2.0
// Optimizer steps: one pass over memory each, in PyTorch's order of operations.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// p -= lr * d with d = g + weight_decay * p, over `n` values.
void sgd_step(std::int64_t n, float lr, float weight_decay, const float* g, float* p);

/// Factors of a step with momentum.
struct MomentumFactors {
  float lr, weight_decay, momentum;
  float keep, take;  ///< v = keep * v + take * d: momentum and 1 - dampening, or 0 and 1 in the first step
  bool nesterov;     ///< p -= lr * (d + momentum * v), else p -= lr * v
};
void momentum_step(std::int64_t n, const MomentumFactors& f, const float* g, float* v, float* p);

/// Factors of an AdamW step, bias corrections included.
struct AdamWFactors {
  float shrink;                  ///< p *= shrink, which is 1 - lr * weight_decay
  float beta1, one_minus_beta1;  ///< m = beta1 * m + one_minus_beta1 * g
  float beta2, one_minus_beta2;  ///< s = beta2 * s + one_minus_beta2 * g * g
  float rate, root, eps;         ///< p -= rate * m / (sqrt(s) / root + eps)
};
void adamw_step(std::int64_t n, const AdamWFactors& f, const float* g, float* m, float* s, float* p);

/// x = min(max(x, -limit), limit); NaN stays.
void clamp(std::int64_t n, float limit, float* x);

}  // namespace octet::kernels
