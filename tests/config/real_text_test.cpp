// SPDX-License-Identifier: Apache-2.0
#include "octet/config/real_text.h"

#include <gtest/gtest.h>

#include <cfloat>

namespace octet {
namespace {

TEST(RealText, LooksAsPythonWritesIt) {
  EXPECT_EQ(real_text(6.0), "6.0");
  EXPECT_EQ(real_text(-0.5), "-0.5");
  EXPECT_EQ(real_text(0.0001), "0.0001");
  EXPECT_EQ(real_text(0.00001), "1e-05");
  EXPECT_EQ(real_text(600000.0), "600000.0");
  EXPECT_EQ(real_text(9007199254740993.0), "9007199254740992.0");
  EXPECT_EQ(real_text(1e16), "1e+16");
  EXPECT_EQ(real_text(static_cast<double>(FLT_MAX)), "3.4028234663852886e+38");
  EXPECT_EQ(real_text(static_cast<double>(0.1F)), "0.10000000149011612");
}

TEST(RealText, HasNoMoreDigitsThanAFloatNeeds) {
  EXPECT_EQ(real_text(0.1F), "0.1");
  EXPECT_EQ(real_text(0.017129868F), "0.017129868");
  EXPECT_EQ(real_text(FLT_MAX), "3.4028235e+38");
  EXPECT_EQ(real_text(1.0F), "1.0");
}

}  // namespace
}  // namespace octet
