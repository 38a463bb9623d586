// SPDX-License-Identifier: Apache-2.0
// The kernels by themselves; gradients are checked as those of linear() (ops_conv_test.cpp).
#include "octet/kernels/float/gemm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "octet/base/rng.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = rng.normal();
  return values;
}

TEST(Linear, ComputesProductsByHand) {
  const LinearShape s{.rows = 2, .in = 2, .out = 3};
  const std::vector<float> x = {1, 2, 3, 4}, w = {1, 10, 100, 1000, 0, 1}, dy = {1, 0, 0, 0, 1, 2};
  std::vector<float> y(6), dx(4), dw(6);
  linear_forward(s, x.data(), w.data(), y.data());
  EXPECT_THAT(y, ElementsAre(21, 2100, 2, 43, 4300, 4));
  linear_backward_data(s, w.data(), dy.data(), dx.data());
  EXPECT_THAT(dx, ElementsAre(1, 10, 100, 1002));
  linear_backward_weights(s, x.data(), dy.data(), dw.data());
  EXPECT_THAT(dw, ElementsAre(1, 2, 3, 4, 6, 8));
}

TEST(Linear, KernelsHaveTheSameBitsOnAnyNumberOfThreads) {
  for (const LinearShape& s : {LinearShape{1, 70, 10}, LinearShape{9, 33, 65}, LinearShape{130, 512, 100}}) {
    const std::vector<float> x = random_values(s.rows * s.in, 1), w = random_values(s.out * s.in, 2),
                             dy = random_values(s.rows * s.out, 3);
    test::expect_same_values_on_any_number_of_threads([&] {
      std::vector<float> y(dy.size());
      linear_forward(s, x.data(), w.data(), y.data());
      return y;
    });
    test::expect_same_values_on_any_number_of_threads([&] {
      std::vector<float> dx(x.size());
      linear_backward_data(s, w.data(), dy.data(), dx.data());
      return dx;
    });
    test::expect_same_values_on_any_number_of_threads([&] {
      std::vector<float> dw(w.size());
      linear_backward_weights(s, x.data(), dy.data(), dw.data());
      return dw;
    });
  }
}

TEST(Linear, OfNoRowsHasNoWeightGradient) {
  std::vector<float> dw(6, 7.0F);
  linear_backward_weights({.rows = 0, .in = 2, .out = 3}, nullptr, nullptr, dw.data());
  EXPECT_THAT(dw, Each(0.0F));
}

}  // namespace
}  // namespace octet::kernels
