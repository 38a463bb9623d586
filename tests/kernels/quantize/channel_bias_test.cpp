// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/channel_bias.h"

#include <gtest/gtest.h>

#include <cmath>

namespace octet::kernels {
namespace {

TEST(ChannelBias, KeepsTheScaleThatSuitsIt) {
  for (const float bias : {0.0F, 0.3F, -1.1F, 2000.0F}) {
    const ChannelBias b = channel_bias(0.02F, 0.01F, bias, 4000);
    EXPECT_EQ(b.weight_scale, 0.01F);
    EXPECT_EQ(b.integer, std::rint(bias / (0.02F * 0.01F)));
  }
}

TEST(ChannelBias, KeepsAScaleWhoseBiasBarelyFitsWithTheSums) {
  const float scale = 0.3F / 0x1.8p30F;
  EXPECT_EQ(channel_bias(1.0F, scale, 0.3F, 1000).weight_scale, scale);
  EXPECT_GT(channel_bias(1.0F, scale, 0.3F, 3'000'000).weight_scale, scale) << "other runtimes add both in int32";
}

TEST(ChannelBias, EnlargesAScaleThatIsTooSmallForIt) {
  for (const float scale : {1e-13F, 1e-22F, 1e-37F, 1e-42F, 0.0F})
    for (const float bias : {-0.3F, 1e-4F, 1.1F, 4e5F}) {
      const ChannelBias b = channel_bias(0.02F, scale, bias, 4000);
      EXPECT_GT(b.weight_scale, scale);
      EXPECT_NEAR(std::fabs(b.integer) / 0x1p30, 1.0, 1e-6) << "weights keep what they can";
      EXPECT_TRUE(b.fits_int32());
      EXPECT_NEAR(b.integer * (0.02F * b.weight_scale) / bias, 1.0, 1e-6) << scale << ' ' << bias;
    }
}

TEST(ChannelBias, MakesAScaleFineEnoughWhereWeightsAreZero) {
  for (const float input_scale : {1e-6F, 0.78F, 3e4F}) {
    const ChannelBias b = channel_bias(input_scale, 1.0F, 1.1F, 0);
    EXPECT_NEAR(b.integer * (input_scale * b.weight_scale) / 1.1, 1.0, 1e-6) << input_scale;
    EXPECT_LE(b.integer, 0x1p23F + 2) << "sums and bias stay exact in float";
    EXPECT_EQ(channel_bias(input_scale, 1.0F, 1.1F, 1).weight_scale, 1.0F) << "a weight that counts decides";
  }
}

TEST(ChannelBias, OfNothingIsNothing) {
  EXPECT_EQ(channel_bias(0.02F, 0.0F, 0.0F, 0).weight_scale, 1.0F);
  EXPECT_EQ(channel_bias(0.02F, 0.5F, 0.0F, 0).weight_scale, 0.5F);
  EXPECT_EQ(channel_bias(0.02F, 0.5F, -0.0F, 0).integer, 0.0F);
}

TEST(ChannelBias, SaysWhereNoScaleHelps) { EXPECT_FALSE(channel_bias(1e-45F, 1.0F, 1e38F, 10).fits_int32()); }

}  // namespace
}  // namespace octet::kernels
