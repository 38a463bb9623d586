// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "octet/base/rng.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kSize = 70'001;  // more than one chunk, no multiple of a vector

std::vector<float> random(std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(kSize);
  for (float& value : values) value = rng.normal();
  return values;
}

TEST(OptimizerKernels, SgdMovesAgainstTheDecayedGradient) {
  std::vector<float> p = random(1);
  const std::vector<float> before = p, g = random(2);
  sgd_step(kSize, 0.1F, 0.01F, g.data(), p.data());
  for (std::size_t i = 0; i < p.size(); ++i) ASSERT_EQ(p[i], before[i] - 0.1F * (g[i] + 0.01F * before[i])) << i;
}

TEST(OptimizerKernels, MomentumIsEveryElementsFormula) {
  for (const bool nesterov : {false, true}) {
    const MomentumFactors f{
        .lr = 0.1F, .weight_decay = 0.01F, .momentum = 0.9F, .keep = 0.9F, .take = 0.5F, .nesterov = nesterov};
    std::vector<float> p = random(1), v = random(3);
    const std::vector<float> p0 = p, v0 = v, g = random(2);
    momentum_step(kSize, f, g.data(), v.data(), p.data());
    for (std::size_t i = 0; i < p.size(); ++i) {
      const float d = g[i] + f.weight_decay * p0[i];
      const float moved = f.keep * v0[i] + f.take * d;
      ASSERT_EQ(v[i], moved) << i;
      ASSERT_EQ(p[i], p0[i] - f.lr * (nesterov ? d + f.momentum * moved : moved)) << i;
    }
  }
}

TEST(OptimizerKernels, AdamWIsEveryElementsFormula) {
  const AdamWFactors f{.shrink = 0.99F,
                       .beta1 = 0.9F,
                       .one_minus_beta1 = 0.1F,
                       .beta2 = 0.999F,
                       .one_minus_beta2 = 0.001F,
                       .rate = 0.02F,
                       .root = 0.3F,
                       .eps = 1e-8F};
  std::vector<float> p = random(1), m = random(3), s = random(4);
  for (float& value : s) value = std::abs(value);
  const std::vector<float> p0 = p, m0 = m, s0 = s, g = random(2);
  adamw_step(kSize, f, g.data(), m.data(), s.data(), p.data());
  for (std::size_t i = 0; i < p.size(); ++i) {
    ASSERT_EQ(m[i], f.beta1 * m0[i] + f.one_minus_beta1 * g[i]) << i;
    ASSERT_EQ(s[i], f.beta2 * s0[i] + f.one_minus_beta2 * g[i] * g[i]) << i;
    ASSERT_EQ(p[i], f.shrink * p0[i] - f.rate * m[i] / (std::sqrt(s[i]) / f.root + f.eps)) << i;
  }
}

TEST(OptimizerKernels, ClampKeepsNaN) {
  std::vector<float> x = {-2, -1, 0, 1, 2, std::numeric_limits<float>::quiet_NaN()};
  clamp(6, 1.0F, x.data());
  EXPECT_EQ(x[0], -1);
  EXPECT_EQ(x[2], 0);
  EXPECT_EQ(x[4], 1);
  EXPECT_TRUE(std::isnan(x[5]));
}

}  // namespace
}  // namespace octet::kernels
