// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/scale_offset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "octet/base/rng.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

TEST(ScaleOffset, AsymmetricRangeReachesBothEndsOfTheIntegers) {
  const ScaleOffset grid = scale_offset(254.0F, -1.0F, 8, Symmetry::kAsymmetric);
  EXPECT_EQ(grid.scale, 1.0F);
  EXPECT_EQ(grid.offset, -127);
}

TEST(ScaleOffset, RangeIsWidenedToHoldZero) {
  EXPECT_EQ(scale_offset(5.1F, 2.0F, 8, Symmetry::kAsymmetric).offset, -128);
  EXPECT_EQ(scale_offset(-2.0F, -5.1F, 8, Symmetry::kAsymmetric).offset, 127);
}

TEST(ScaleOffset, SymmetricRangeUsesTheExtraNegativeIntegerOnlyForANegativeExtreme) {
  EXPECT_EQ(scale_offset(127.0F, -3.0F, 8, Symmetry::kSymmetric).scale, 1.0F);
  EXPECT_EQ(scale_offset(3.0F, -128.0F, 8, Symmetry::kSymmetric).scale, 1.0F);
  EXPECT_EQ(scale_offset(32767.0F, -32767.0F, 16, Symmetry::kSymmetric).scale, 1.0F);
}

TEST(ScaleOffset, ScaleBelowTheSmallestBecomesOne) {
  for (const Symmetry symmetry : {Symmetry::kAsymmetric, Symmetry::kSymmetric}) {
    const ScaleOffset grid = scale_offset(1e-30F, 0.0F, 8, symmetry);
    EXPECT_EQ(grid.scale, 1.0F);
    EXPECT_EQ(grid.offset, symmetry == Symmetry::kAsymmetric ? -128 : 0);
  }
  EXPECT_EQ(scale_offset(kSmallestScale * 127.0F, 0.0F, 8, Symmetry::kSymmetric).scale, kSmallestScale) << "kept";
}

TEST(ScaleOffset, OffsetsStayAmongTheIntegers) {
  Rng rng(1);
  for (int i = 0; i < 10000; ++i) {
    const float max = std::ldexp(rng.normal(), static_cast<int>(rng.below(40)) - 20);
    const float min = std::ldexp(rng.normal(), static_cast<int>(rng.below(40)) - 20);
    for (const int bits : {4, 8, 16}) {
      const ScaleOffset grid = scale_offset(max, min, bits, Symmetry::kAsymmetric);
      EXPECT_GE(grid.scale, kSmallestScale);
      EXPECT_GE(grid.offset, IntegerRange{bits}.low()) << max << ' ' << min;
      EXPECT_LE(grid.offset, IntegerRange{bits}.high()) << max << ' ' << min;
    }
  }
}

TEST(ScaleOffset, RefusesRangesWithoutAFiniteScale) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(error_text([&] { scale_offset(infinity, 0.0F, 8, Symmetry::kAsymmetric); }),
            "scale_offset: the range is too wide or not finite (max inf, min 0, scale inf, offset -128)");
  EXPECT_EQ(error_text([&] { scale_offset(0.0F, -infinity, 8, Symmetry::kSymmetric); }),
            "scale_offset: the range is not finite (max 0, min -inf, scale inf)");
  EXPECT_EQ(error_text([&] { scale_offset(1.0F, 0.0F, 5, Symmetry::kSymmetric); }),
            "scale_offset: bits must be 4, 8 or 16 (bits 5)");
}

}  // namespace
}  // namespace octet
