// SPDX-License-Identifier: Apache-2.0
#include "octet/base/counted.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(Counted, KnowsOneFromMany) {
  EXPECT_EQ(counted(1, "epoch"), "1 epoch");
  EXPECT_EQ(counted(0, "epoch"), "0 epochs");
  EXPECT_EQ(counted(12, "epoch"), "12 epochs");
  EXPECT_EQ(counted(1, "class", "classes"), "1 class");
  EXPECT_EQ(counted(2, "class", "classes"), "2 classes");
}

}  // namespace
}  // namespace octet
