// SPDX-License-Identifier: Apache-2.0
// Every length around the vector widths; the ops' own tests check values and gradients against references.
#include "octet/kernels/float/elementwise.h"

#include <gtest/gtest.h>

#include <vector>

#include "octet/base/rng.h"

namespace octet::kernels {
namespace {

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = 4.0F * rng.normal();
  return values;
}

TEST(Elementwise, HandlesEveryLength) {
  for (std::int64_t n = 0; n <= 70; ++n) {
    const std::vector<float> a = random_values(n, 1), b = random_values(n, 2);
    std::vector<float> y(static_cast<std::size_t>(n) + 1, 77.0F);  // the last must stay
    difference(n, 2.0F, a.data(), b.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(y[i], 2.0F * (a[i] - b[i])) << n;
    product(n, a.data(), b.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(y[i], a[i] * b[i]) << n;
    scale_and_shift(n, -1.0F, 3.0F, a.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(y[i], 3.0F - a[i]) << n;
    EXPECT_EQ(y.back(), 77.0F) << n;
  }
}

TEST(Elementwise, CrossesChunks) {
  const std::int64_t n = 200'003;
  const std::vector<float> x = random_values(n, 3);
  std::vector<float> y(x.size());
  scale(n, 0.5F, x.data(), y.data());
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], 0.5F * x[i]) << i;
}

}  // namespace
}  // namespace octet::kernels
