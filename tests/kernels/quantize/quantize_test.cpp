// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/dice.h"

namespace octet::kernels {
namespace {

// By the definition.
std::uint8_t quantized(const Int8Scale& s, float x) {
  const float t = std::nearbyint(x / s.scale);
  const auto zero = static_cast<float>(s.zero_point);
  return static_cast<std::uint8_t>(std::clamp(t, -zero, 255.0F - zero) + zero);
}

// Where a product with the reciprocal of the scale would often round to the other side.
std::vector<float> values_around_ties(const Int8Scale& s) {
  std::vector<float> values{0.0F, -0.0F, 1e30F, -1e30F, 1e-44F, -1e-44F};
  for (int tie = -258; tie <= 258; ++tie) {
    float x = (static_cast<float>(tie) + 0.5F) * s.scale;
    for (int i = 0; i < 8; ++i) x = std::nextafter(x, -std::numeric_limits<float>::infinity());
    for (int i = 0; i < 17; ++i, x = std::nextafter(x, std::numeric_limits<float>::infinity())) values.push_back(x);
  }
  std::erase_if(values, [](float x) { return !std::isfinite(x); });
  return values;
}

TEST(Quantize, RoundsTheTrueQuotient) {
  test::Dice dice(1);
  std::vector<float> scales{1.0F, 0.1F, 1.0F / 3.0F, 3.0F, 1e-3F, 1e-20F, 1e20F, 1e-39F, 1e-44F, 1e37F};
  for (int i = 0; i < 100; ++i) scales.push_back(std::exp(dice.uniform(-9.0F, 3.0F)));
  for (const float scale : scales)
    for (const std::int32_t zero_point : {0, 1, 128, 255}) {
      const Int8Scale s{scale, zero_point};
      const std::vector<float> x = values_around_ties(s);
      std::vector<std::uint8_t> q(x.size());
      ASSERT_TRUE(quantize(std::ssize(x), s, x.data(), q.data()));
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(q[i], quantized(s, x[i])) << x[i] << " by " << scale << ", zero point " << zero_point;
    }
}

TEST(Quantize, SaysWhetherAllIsFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for (const std::size_t at : {0U, 15U, 16U, 99U}) {
      std::vector<float> x(100, 1.0F);
      std::vector<std::uint8_t> q(x.size());
      x[at] = bad;
      EXPECT_FALSE(quantize(std::ssize(x), {0.1F, 3}, x.data(), q.data())) << bad << " at " << at;
    }
}

}  // namespace
}  // namespace octet::kernels
