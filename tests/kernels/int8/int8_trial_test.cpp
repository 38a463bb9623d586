// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_trial.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "octet/kernels/int8/int8_primitive.h"
#include "support/reference_int8.h"

namespace octet::kernels {
namespace {

Int8LayerShape layer_of(ConvKind kind, std::int64_t channels) {
  return {kind,
          {.n = 2,
           .ci = channels,
           .h = 9,
           .w = 9,
           .co = channels,
           .kh = 3,
           .kw = 3,
           .oh = 5,
           .ow = 5,
           .stride = 2,
           .padding = 1}};
}

std::vector<std::int64_t> sums_of(const Int8Trial& t) {
  return t.layer.plain() ? test::reference_int8_conv(t.layer.s, t.x, t.zero_point, t.w)
                         : test::reference_int8_conv_transpose(t.layer.s, t.x, t.zero_point, t.w);
}

bool passes(const Int8Trial& trial, const std::vector<std::int64_t>& sums) {
  return trial.passes(
      [&](std::int64_t position, std::int64_t sum) { return sums[static_cast<std::size_t>(position)] == sum; });
}

TEST(Int8Trial, IsPassedByTheSumsOfTheDefinition) {
  for (const ConvKind kind : {ConvKind::kPlain, ConvKind::kTransposed})
    for (const bool has_zero_point : {false, true})
      for (const std::int64_t channels : {4, 128}) {
        const Int8Trial trial(layer_of(kind, channels), has_zero_point);
        EXPECT_EQ(trial.zero_point != 0, has_zero_point);
        EXPECT_TRUE(passes(trial, sums_of(trial))) << channels;
      }
}

TEST(Int8Trial, IsPassedByFloatConvolutions) {
  for (const ConvKind kind : {ConvKind::kPlain, ConvKind::kTransposed})
    for (const std::int64_t channels : {4, 128}) EXPECT_TRUE(trusts_float_sums(layer_of(kind, channels)));
}

TEST(Int8Trial, FailsWhereOneDnnRefusesAFloatConvolution) {
  Int8LayerShape below = layer_of(ConvKind::kPlain, 4);  // windows that begin behind the image
  below.s.padding = {-20, 1};
  EXPECT_FALSE(trusts_float_sums(below));
  EXPECT_EQ(trusted_int8_primitive(below, {}), nullptr);
}

TEST(Int8Trial, FailsWhereOnePixelIsWrong) {
  for (const ConvKind kind : {ConvKind::kPlain, ConvKind::kTransposed})
    for (const std::int64_t channels : {4, 128}) {
      const Int8Trial trial(layer_of(kind, channels), true);
      const std::vector<std::int64_t> sums = sums_of(trial);
      const std::int64_t pixels = std::ssize(sums) / channels;
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        std::vector<std::int64_t> wrong = sums;
        for (std::int64_t c = 0; c < channels; ++c) ++wrong[static_cast<std::size_t>(pixel * channels + c)];
        EXPECT_FALSE(passes(trial, wrong)) << pixel << " of " << pixels;
      }
    }
}

// As a CPU without VNNI adds them.
TEST(Int8Trial, FailsWherePairsOfProductsSaturateIn16Bits) {
  const ConvShape s{.n = 1, .ci = 16, .h = 1, .w = 1, .co = 8, .kh = 1, .kw = 1, .oh = 1, .ow = 1};
  const Int8Trial trial({ConvKind::kPlain, s}, false);
  EXPECT_FALSE(trial.passes([&](std::int64_t channel, std::int64_t sum) {
    std::int64_t saturated = 0;
    for (std::int64_t k = 0; k < s.ci; k += 2) {
      std::int64_t pair = 0;
      for (std::int64_t i = k; i < k + 2; ++i)
        pair +=
            std::int64_t{trial.x[static_cast<std::size_t>(i)]} * trial.w[static_cast<std::size_t>(channel * s.ci + i)];
      saturated += std::clamp<std::int64_t>(pair, -32768, 32767);
    }
    return saturated == sum;
  }));
}

TEST(Findings, AreFoundOncePerKey) {
  Findings<std::pair<Int8LayerShape, bool>, std::int64_t> sizes(kFindings);
  int found = 0;
  const auto size = [&](std::int64_t images, bool twice) {
    return *sizes.get({{.s = {.n = images}}, twice}, [&] {
      ++found;
      return twice ? 2 * images : images;
    });
  };
  for (std::int64_t n = 0; n < 1000; ++n) EXPECT_EQ(size(n, true), 2 * size(n, false));
  EXPECT_EQ(size(3, true), 6);
  EXPECT_EQ(found, 2000);
}

}  // namespace
}  // namespace octet::kernels
