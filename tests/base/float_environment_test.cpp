// SPDX-License-Identifier: Apache-2.0
#include "octet/base/float_environment.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "octet/base/error.h"
#include "support/float_mode.h"

namespace octet {
namespace {

using test::FloatModeScope;
using test::kFloatModes;

struct Results {
  float third, tenths, third_of_the_smallest;
  std::string text;  // the C library rounds it as the x87 unit is set
  bool operator==(const Results&) const = default;
};

[[gnu::noinline]] Results compute() {
  volatile float one = 1.0F, three = 3.0F, seven = 7.0F, ten = 10.0F, smallest = std::numeric_limits<float>::min();
  return {one / three, seven / ten, smallest / three, std::to_string(2.0 / 3)};
}

TEST(FloatEnvironment, RoundsToNearestAndKeepsDenormals) {
  const Results expected = compute();
  for (const test::FloatMode mode : kFloatModes) {
    const FloatModeScope host(mode);
    const FloatEnvironment numbers;
    EXPECT_TRUE(compute() == expected) << name_of(mode);
  }
}

TEST(FloatEnvironment, GivesBackWhatTheCallerHad) {
  for (const test::FloatMode mode : kFloatModes) {
    const FloatModeScope host(mode);
    const Results before = compute();
    {
      const FloatEnvironment numbers;
      const FloatEnvironment nested;
    }
    EXPECT_TRUE(compute() == before) << name_of(mode);
    const FloatEnvironment numbers;
    EXPECT_FALSE(compute() == before) << name_of(mode) << ": the test sees no difference";
  }
}

TEST(FloatEnvironment, TextsAreWrittenAsEver) {
  const std::string expected = text(0.1F, ' ', 2.0 / 3);
  for (const test::FloatMode mode : kFloatModes) {
    const double two_thirds = 2.0 / 3;
    const FloatModeScope host(mode);
    EXPECT_EQ(text(0.1F, ' ', two_thirds), expected) << name_of(mode);
  }
}

}  // namespace
}  // namespace octet
