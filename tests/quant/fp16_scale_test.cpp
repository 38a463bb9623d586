// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/fp16_scale.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

TEST(Fp16Scale, IsTheNearestFloat16OrASquareOfOne) {
  EXPECT_EQ(fp16_scale(1.0F), 1.0F);
  EXPECT_EQ(fp16_scale(1.0F + 0x1p-11F), 1.0F);  // a tie, to even
  EXPECT_EQ(fp16_scale(1.0F + 0x1p-11F + 0x1p-20F), 1.0F + 0x1p-10F);
  EXPECT_EQ(fp16_scale(65504.0F), 65504.0F);
  EXPECT_EQ(fp16_scale(0x1p-14F), 0x1p-14F);
  EXPECT_EQ(fp16_scale(0x1p-20F), 0x1p-20F);  // the root is 2^-10
  const float beyond = fp16_scale(1e6F);
  EXPECT_EQ(beyond, 1000.0F * 1000.0F);
  EXPECT_NEAR(fp16_scale(3e-5F), 3e-5F, 3e-5F * 0x1p-10F);
}

TEST(Fp16Scale, OfASumIsCutAfterTenBits) {
  EXPECT_EQ(fp16_factor(0.75F), 0.75F);
  EXPECT_EQ(fp16_factor(1.0F + 0x1p-10F + 0x1p-11F), 1.0F + 0x1p-10F);
  EXPECT_EQ(fp16_factor(0x1.FFFFFEp-30F), 0x1.FFCp-30F);
}

}  // namespace
}  // namespace octet
