// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "octet/base/rng.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = 1.0F + rng.normal();
  return values;
}

TEST(Reduce, AgreesWithOneLoopForEveryLength) {
  for (std::int64_t n : {0, 1, 15, 16, 17, 100, 65'535, 65'536, 65'537, 200'003}) {
    const std::vector<float> a = random_values(n, 1), b = random_values(n, 2);
    double total = 0, products = 0, squares = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
      total += x;
      products += x * y;
      squares += (x - y) * (x - y);
    }
    EXPECT_NEAR(sum(n, a.data()), total, 1e-13 * static_cast<double>(n)) << n;
    EXPECT_NEAR(dot(n, a.data(), b.data()), products, 1e-12 * static_cast<double>(n)) << n;
    EXPECT_NEAR(squared_distance(n, a.data(), b.data()), squares, 1e-12 * static_cast<double>(n)) << n;
  }
}

TEST(Reduce, HasTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<float> a = random_values(1'000'003, 3), b = random_values(1'000'003, 4);
  test::expect_same_values_on_any_number_of_threads([&] {
    const double results[] = {sum(1'000'003, a.data()), dot(1'000'003, a.data(), b.data()),
                              squared_distance(1'000'003, a.data(), b.data())};
    std::vector<float> bits(6);
    std::memcpy(bits.data(), results, sizeof results);  // compared as bits
    return bits;
  });
}

}  // namespace
}  // namespace octet::kernels
