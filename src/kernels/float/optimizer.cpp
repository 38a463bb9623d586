// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/optimizer.h"

#include <cmath>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

OCTET_CLONES void sgd_chunk(std::int64_t n, float lr, float weight_decay, const float* __restrict g,
                            float* __restrict p) {
  for (std::int64_t i = 0; i < n; ++i) p[i] -= lr * (g[i] + weight_decay * p[i]);
}

OCTET_CLONES void momentum_chunk(std::int64_t n, const MomentumFactors f, const float* __restrict g,
                                 float* __restrict v, float* __restrict p) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = g[i] + f.weight_decay * p[i];
    v[i] = f.keep * v[i] + f.take * d;
    p[i] -= f.lr * (f.nesterov ? d + f.momentum * v[i] : v[i]);
  }
}

OCTET_CLONES void adamw_chunk(std::int64_t n, const AdamWFactors f, const float* __restrict g, float* __restrict m,
                              float* __restrict s, float* __restrict p) {
  for (std::int64_t i = 0; i < n; ++i) {
    m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g[i];
    s[i] = f.beta2 * s[i] + f.one_minus_beta2 * g[i] * g[i];
    p[i] = f.shrink * p[i] - f.rate * m[i] / (std::sqrt(s[i]) / f.root + f.eps);
  }
}

OCTET_CLONES void clamp_chunk(std::int64_t n, float limit, float* x) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] < -limit ? -limit : x[i] > limit ? limit : x[i];
}

}  // namespace

void sgd_step(std::int64_t n, float lr, float weight_decay, const float* g, float* p) {
  parallel_range(n, kStreamChunk, [=](std::int64_t begin, std::int64_t end) {
    sgd_chunk(end - begin, lr, weight_decay, g + begin, p + begin);
  });
}

void momentum_step(std::int64_t n, const MomentumFactors& f, const float* g, float* v, float* p) {
  parallel_range(n, kStreamChunk, [=](std::int64_t begin, std::int64_t end) {
    momentum_chunk(end - begin, f, g + begin, v + begin, p + begin);
  });
}

void adamw_step(std::int64_t n, const AdamWFactors& f, const float* g, float* m, float* s, float* p) {
  parallel_range(n, kStreamChunk, [=](std::int64_t begin, std::int64_t end) {
    adamw_chunk(end - begin, f, g + begin, m + begin, s + begin, p + begin);
  });
}

void clamp(std::int64_t n, float limit, float* x) {
  parallel_range(n, kStreamChunk,
                 [=](std::int64_t begin, std::int64_t end) { clamp_chunk(end - begin, limit, x + begin); });
}

}  // namespace octet::kernels
