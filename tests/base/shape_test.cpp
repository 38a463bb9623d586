// SPDX-License-Identifier: Apache-2.0
#include "octet/base/shape.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(Shape, CountsElements) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({2, 0, 4}), 0);
}

TEST(Size2, TakesOneNumberForBoth) {
  const Size2 square = 3;
  EXPECT_EQ(square, Size2(3, 3));
  EXPECT_NE(square, Size2(3, 5));
}

}  // namespace
}  // namespace octet
