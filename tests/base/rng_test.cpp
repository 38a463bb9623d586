// SPDX-License-Identifier: Apache-2.0
// Known answers of Philox4x32-10 from the Random123 distribution, and the statistics of what is made from its bits.
// Seeds are fixed; the bounds are at least four standard deviations of the statistic wide.
#include "octet/base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace octet {
namespace {

using Block = std::array<std::uint32_t, 4>;

TEST(Rng, GivesTheKnownAnswersOfPhilox) {
  EXPECT_EQ(Rng::block({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Rng::block({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Rng::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, DrawsTheBlocksOfSeedAndStreamInOrder) {
  Rng rng(0x0123456789abcdefu, 0xfedcba9876543210u);
  for (std::uint32_t index = 0; index < 3; ++index) {
    const Block expected = Rng::block({index, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
    for (std::uint32_t number : expected) EXPECT_EQ(rng.next(), number);
  }
  EXPECT_EQ(rng.position(), 12U);
}

TEST(Rng, ReachesAnyPositionAtOnce) {
  Rng straight(7);
  std::vector<std::uint32_t> numbers(100);
  for (std::uint32_t& number : numbers) number = straight.next();
  Rng jumping(7);
  for (std::uint64_t position : {99U, 0U, 4U, 3U, 50U, 51U}) {
    jumping.set_position(position);
    EXPECT_EQ(jumping.next(), numbers[position]) << position;
  }
}

TEST(Rng, UsesAllBitsOfThePosition) {
  Rng low(7), high(7);
  high.set_position(std::uint64_t{1} << 40);
  EXPECT_NE(low.next(), high.next());
}

TEST(Rng, UniformHasItsRangeAndMoments) {
  Rng rng(11);
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const float u = rng.uniform();
    ASSERT_GE(u, 0.0F);
    ASSERT_LT(u, 1.0F);
    sum += u;
    squares += double{u} * u;
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.004);
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 0.004);
}

TEST(Rng, UniformScalesToItsBounds) {
  Rng rng(12), same(12);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.uniform(-2.0F, 6.0F), -2.0F + 8.0F * same.uniform());
}

TEST(Rng, NormalHasTheMomentsOfTheBellCurve) {
  Rng rng(13);
  constexpr int kCount = 200000;
  double moments[5] = {};
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    ASSERT_TRUE(std::isfinite(x));
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(x, k) / kCount;
  }
  EXPECT_NEAR(moments[1], 0, 0.01);
  EXPECT_NEAR(moments[2], 1, 0.015);
  EXPECT_NEAR(moments[3], 0, 0.04);
  EXPECT_NEAR(moments[4], 3, 0.1);
}

TEST(Rng, BelowIsEvenlySpread) {
  Rng rng(14);
  constexpr int kCount = 60000;
  for (std::uint32_t bound : {1U, 2U, 6U, 10U}) {
    std::vector<int> hits(bound);
    for (int i = 0; i < kCount; ++i) {
      const std::uint32_t number = rng.below(bound);
      ASSERT_LT(number, bound);
      ++hits[number];
    }
    const double expected = double{kCount} / bound;
    for (int count : hits) EXPECT_NEAR(count, expected, 4.5 * std::sqrt(expected)) << bound;
  }
}

TEST(Rng, BelowIsUnbiasedWhereAPlainMultiplicationIsNot) {
  // For this bound the high word of a product falls into [0, bound/2) twice as often as it should at every third value:
  // multiples of 3 would make up one half of the numbers instead of one third.
  constexpr std::uint32_t kBound = 0xC0000000;
  Rng rng(15);
  constexpr int kCount = 60000;
  int multiples = 0;
  for (int i = 0; i < kCount; ++i) multiples += rng.below(kBound) % 3 == 0;
  EXPECT_NEAR(multiples, kCount / 3.0, 4.5 * std::sqrt(kCount * 2.0 / 9));
}

TEST(Rng, ForksAreReproducibleAndDoNotMoveTheParent) {
  Rng parent(16);
  Rng first = parent.fork(5);
  EXPECT_EQ(parent.position(), 0U);
  parent.next();
  Rng second = parent.fork(5);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(first.next(), second.next());
}

TEST(Rng, ForksOfDifferentTagsAndLevelsAreDifferentStreams) {
  std::set<std::uint64_t> streams;
  const Rng root(17);
  streams.insert(root.stream());
  for (std::uint64_t tag = 0; tag < 1000; ++tag) {
    streams.insert(root.fork(tag).stream());
    streams.insert(root.fork(0).fork(tag).stream());
    streams.insert(root.fork(tag).fork(1000).stream());
  }
  EXPECT_EQ(streams.size(), 3001U);
}

TEST(Rng, ForksAreUncorrelated) {
  constexpr int kCount = 100000;
  const Rng root(18);
  Rng a = root.fork(0), b = root.fork(1);
  double product = 0;
  for (int i = 0; i < kCount; ++i) product += (a.uniform() - 0.5) * (b.uniform() - 0.5) * 12;
  EXPECT_NEAR(product / kCount, 0, 4.5 / std::sqrt(kCount));
}

}  // namespace
}  // namespace octet
