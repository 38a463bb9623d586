// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "octet/autograd/ops.h"
#include "support/array64.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;

TEST(Dropout, DropsTheAskedShareAndScalesTheRest) {
  for (float p : {0.1F, 0.5F, 0.9F}) {
    Rng rng(51);
    const std::vector<float> y = dropout(Tensor::full({100, 1000}, 2.0F), p, rng).to_vector();
    const auto dropped = std::ranges::count(y, 0.0F);
    const double n = 1e5, share = static_cast<double>(p);
    EXPECT_NEAR(static_cast<double>(dropped), n * share, 4 * std::sqrt(n * share * (1 - share))) << p;
    EXPECT_EQ(std::ranges::count(y, 2.0F * (1.0F / (1.0F - p))) + dropped, 100'000) << p;
  }
}

TEST(Dropout, SendsTheGradientWhereTheValuesWent) {
  Rng rng(52);
  Tensor x = Tensor::full({3, 5, 7, 7}, 1.0F).set_requires_grad();
  const Tensor y = dropout(x, 0.3F, rng);
  y.backward(Tensor::full({3, 5, 7, 7}, 1.0F));
  EXPECT_TRUE(test::same_bits(x.grad(), y));
}

TEST(Dropout, DrawsOneNumberPerCallAndAnotherMaskEachTime) {
  Rng rng(53), drawn(53);
  const Tensor x = Tensor::full({1000}, 1.0F);
  const Tensor first = dropout(x, 0.5F, rng), second = dropout(x, 0.5F, rng);
  EXPECT_EQ(rng.position(), 2U);
  drawn.next();
  drawn.next();
  EXPECT_EQ(rng.next(), drawn.next());
  EXPECT_FALSE(test::same_bits(first, second));
}

TEST(Dropout, RepeatsTheMaskOfASavedPosition) {
  Rng rng(54);
  rng.set_position(7);
  const Tensor x = Tensor::full({1000}, 1.0F), first = dropout(x, 0.5F, rng);
  rng.set_position(7);
  EXPECT_TRUE(test::same_bits(dropout(x, 0.5F, rng), first));
}

TEST(Dropout, HasTheSameBitsOnAnyNumberOfThreads) {
  Rng values(55);
  const Tensor x = test::random_tensor({77'777}, values);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Rng rng(56);
    return std::vector<Tensor>{dropout(x, 0.25F, rng)};
  });
}

TEST(Dropout, WithProbabilityZeroChangesNothing) {
  Rng rng(57);
  const Tensor x = test::random_tensor({2, 3, 4, 4}, rng);
  EXPECT_TRUE(test::same_bits(dropout(x, 0.0F, rng), x));
}

TEST(Dropout, RejectsProbabilitiesOutOfRange) {
  Rng rng(58);
  const Tensor x = Tensor::zeros({2});
  EXPECT_EQ(error_text([&] { dropout(x, 1.0F, rng); }), "dropout: p must be in [0, 1) (p 1)");
  EXPECT_EQ(error_text([&] { dropout(x, -0.5F, rng); }), "dropout: p must be in [0, 1) (p -0.5)");
  EXPECT_EQ(error_text([&] { dropout(x, std::nanf(""), rng); }), "dropout: p must be in [0, 1) (p nan)");
  EXPECT_EQ(error_text([&] { dropout(Tensor(), 0.5F, rng); }), "dropout: x must be defined");
  EXPECT_EQ(rng.position(), 0U);
}

}  // namespace
}  // namespace octet
