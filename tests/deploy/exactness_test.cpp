// SPDX-License-Identifier: Apache-2.0
// Deployed networks against the scalar oracle: not one bit may differ. `make exactness` runs the same over more graphs,
// threads, batches and instruction sets.
#include <gtest/gtest.h>

#include "support/exactness.h"

namespace octet {
namespace {

TEST(Exactness, RandomNetworksGiveTheBitsOfTheScalarOracle) {
  test::ExactnessCounts counts;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) test::compare_random_network(seed, 2, counts);
  EXPECT_EQ(counts.differences, 0) << counts.first_difference;
  EXPECT_GT(counts.tensors, 300);
}

}  // namespace
}  // namespace octet
