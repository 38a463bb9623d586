// SPDX-License-Identifier: Apache-2.0
#include "octet/base/number_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "octet/base/rng.h"

namespace octet {
namespace {

TEST(ShortestText, LooksLikeAReal) {
  EXPECT_EQ(shortest_text(1), "1.0");
  EXPECT_EQ(shortest_text(-0.0), "-0.0");
  EXPECT_EQ(shortest_text(0.1), "0.1");
  EXPECT_EQ(shortest_text(1e-7), "1e-07");
  EXPECT_EQ(shortest_text(1e300), "1e+300");
}

TEST(ShortestText, NamesWhatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(shortest_text(kInfinity), "inf");
  EXPECT_EQ(shortest_text(-kInfinity), "-inf");
  EXPECT_EQ(shortest_text(std::nan("")), "nan");
  EXPECT_EQ(shortest_text(-std::nan("")), "nan");
}

TEST(ShortestText, ReadsBackAsTheSameValue) {
  Rng rng(1);
  for (int i = 0; i < 10000; ++i) {
    const double value = std::ldexp(rng.normal() / 3.0, static_cast<int>(rng.below(2000)) - 1000);
    ASSERT_EQ(std::stod(shortest_text(value)), value);
  }
  for (double value : {std::numeric_limits<double>::max(), std::numeric_limits<double>::min()})
    EXPECT_EQ(std::stod(shortest_text(value)), value);
}

}  // namespace
}  // namespace octet
