// SPDX-License-Identifier: Apache-2.0
#include "octet/base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace octet {
namespace {

const std::vector<std::string> kKeys = {"epochs", "batch_size", "learning_rate", "lr", "seed"};

TEST(NearestName, FindsOneEditOfEachKind) {
  EXPECT_EQ(nearest_name("epoch", kKeys), "epochs");
  EXPECT_EQ(nearest_name("epochss", kKeys), "epochs");
  EXPECT_EQ(nearest_name("epoxhs", kKeys), "epochs");
}

TEST(NearestName, CountsSwappedNeighboursAsOneEdit) {
  EXPECT_EQ(nearest_name("rl", kKeys), "lr");  // of two letters only one may be wrong
  EXPECT_EQ(nearest_name("sede", kKeys), "seed");
}

TEST(NearestName, IgnoresCase) { EXPECT_EQ(nearest_name("Batch_Size", kKeys), "batch_size"); }

TEST(NearestName, IsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("momentum", kKeys), "");
  EXPECT_EQ(nearest_name("", kKeys), "");
  EXPECT_EQ(nearest_name("epochs", {}), "");
}

TEST(NearestName, AllowsEditsUpToAThirdOfTheLength) {
  const std::vector<std::string> valid = {"abcdef"};
  EXPECT_EQ(nearest_name("abcdXY", valid), "abcdef");
  EXPECT_EQ(nearest_name("abcXYZ", valid), "");
}

TEST(NearestName, PrefersFewerEditsThenTheFirst) {
  EXPECT_EQ(nearest_name("conv1", std::vector<std::string>{"conv22", "conv2", "conv3"}), "conv2");
}

TEST(NearestName, PassesOverVeryLongNames) { EXPECT_EQ(nearest_name(std::string(1 << 24, 'x'), kKeys), ""); }

TEST(DidYouMean, IsTheEndOfAMessageOrNothing) {
  EXPECT_EQ(did_you_mean("epoch", kKeys), "; did you mean \"epochs\"?");
  EXPECT_EQ(did_you_mean("momentum", kKeys), "");
}

}  // namespace
}  // namespace octet
