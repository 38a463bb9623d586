// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/init.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/error_text.h"

namespace octet {
namespace {

Tensor weight(const Shape& shape) { return Tensor::zeros(shape, Layout::kRowMajor); }

struct Moments {
  double mean, deviation, largest;
};

Moments moments(const Tensor& t) {
  double sum = 0, squares = 0, largest = 0;
  for (const float value : t.values()) {
    sum += value;
    squares += static_cast<double>(value) * value;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  const auto n = static_cast<double>(t.size());
  return {sum / n, std::sqrt(squares / n - sum / n * (sum / n)), largest};
}

TEST(Init, CountsFansOfConvolutionsAndLinearLayers) {
  EXPECT_EQ(init::fans(weight({8, 3, 5, 7})).in, 3 * 35);
  EXPECT_EQ(init::fans(weight({8, 3, 5, 7})).out, 8 * 35);
  EXPECT_EQ(init::fans(weight({10, 64})).in, 64);
  EXPECT_EQ(init::fans(weight({10, 64})).out, 10);
  EXPECT_EQ(test::error_text([] { init::fans(weight({3})); }), "fans: a weight has at least two dimensions (w [3])");
}

TEST(Init, KaimingNormalHasTheDeviationOfItsFan) {
  Rng rng(3);
  Tensor w = weight({64, 32, 3, 3});
  init::kaiming_normal(w, init::FanMode::kOut, rng);
  EXPECT_NEAR(moments(w).mean, 0, 0.002);
  EXPECT_NEAR(moments(w).deviation, std::sqrt(2.0 / (64 * 9)), 0.001);
  init::kaiming_normal(w, init::FanMode::kIn, rng);
  EXPECT_NEAR(moments(w).deviation, std::sqrt(2.0 / (32 * 9)), 0.001);
}

TEST(Init, KaimingUniformWithRootFiveIsOneOverTheRootOfTheFan) {
  Rng rng(3);
  Tensor w = weight({64, 25, 4, 1});
  init::kaiming_uniform(w, std::sqrt(5.0), rng);
  EXPECT_LE(moments(w).largest, 0.1F);
  EXPECT_GT(moments(w).largest, 0.0995);
  EXPECT_NEAR(moments(w).deviation, 0.1 / std::sqrt(3.0), 0.001);
}

TEST(Init, TheSameSeedGivesTheSameValues) {
  Rng a(3), b(3), c(4);
  Tensor u = weight({100, 10}), v = weight({100, 10}), w = weight({100, 10});
  init::normal(u, 1.0F, 2.0F, a);
  init::normal(v, 1.0F, 2.0F, b);
  init::normal(w, 1.0F, 2.0F, c);
  EXPECT_EQ(u.to_vector(), v.to_vector());
  EXPECT_NE(u.to_vector(), w.to_vector());
  EXPECT_NEAR(moments(u).mean, 1, 0.2);
  init::constant(u, 0.5F);
  EXPECT_EQ(moments(u).deviation, 0);
}

}  // namespace
}  // namespace octet
