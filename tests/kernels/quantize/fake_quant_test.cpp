// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/fake_quant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "octet/base/rng.h"
#include "support/reference_quant.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

using test::expect_same_values_on_any_number_of_threads;
using test::ReferenceGrid;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> normal_values(std::int64_t n, Rng& rng, float std) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = std * rng.normal();
  return values;
}

Grid kernel_grid(const ReferenceGrid& grid) {
  return {grid.scale, static_cast<float>(grid.offset), grid.low(), grid.high()};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Sizes around the sixteen lanes and across chunks.
constexpr std::int64_t kSizes[] = {1, 15, 16, 17, 100, 65536 + 5, 200003};
constexpr ReferenceGrid kGrids[] = {{0.03F, 0, 8}, {0.0157F, -128, 8}, {0.5F, 37, 8}, {1e-4F, -1234, 16}, {0.2F, 0, 4}};

TEST(FakeQuant, HasTheBitsOfTheScalarDefinition) {
  Rng rng(1);
  for (const ReferenceGrid& grid : kGrids) {
    for (const std::int64_t n : kSizes) {
      const std::vector<float> x = normal_values(n, rng, 1.5F);
      std::vector<float> y(x.size()), expected;
      for (const float v : x) expected.push_back(grid.offset ? grid.fake(v) : grid.q(v) * grid.scale);
      EXPECT_TRUE(fake_quantize(n, kernel_grid(grid), x.data(), y.data()));
      if (grid.offset == 0)  // a rounded zero keeps its sign
        for (std::size_t i = 0; i < x.size(); ++i)
          expected[i] = expected[i] == 0 ? std::copysign(0.0F, x[i]) : expected[i];
      EXPECT_TRUE(same_bits(y, expected)) << n << " values, offset " << grid.offset;
    }
  }
}

TEST(FakeQuant, RoundsTiesToEvenBeforeItAddsTheOffset) {
  const std::vector<float> x = {-1.5F, -0.5F, 0.5F, 1.5F, 2.5F};
  std::vector<float> y(x.size());
  fake_quantize(5, {.scale = 1.0F, .offset = 1.0F, .low = -128.0F, .high = 127.0F}, x.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{-2, 0, 0, 2, 2}));
}

TEST(FakeQuant, HugeValuesEndAtTheLastIntegers) {
  const std::vector<float> x = {3e38F, -3e38F};
  std::vector<float> y(2);
  EXPECT_TRUE(fake_quantize(2, {.scale = 1e-6F, .offset = 3.0F, .low = -128.0F, .high = 127.0F}, x.data(), y.data()));
  EXPECT_EQ(y, (std::vector<float>{124 * 1e-6F, -131 * 1e-6F}));
}

TEST(FakeQuant, ReportsValuesThatAreNotFinite) {
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{70000}, std::size_t{99999}}) {
      std::vector<float> x(100000, 0.5F), y(x.size());
      x[at] = bad;
      EXPECT_FALSE(fake_quantize(100000, {0.1F, 0.0F, -128.0F, 127.0F}, x.data(), y.data()));
      EXPECT_FALSE(extremes(100000, x.data()).finite);
    }
  }
}

TEST(FakeQuant, GradientIsTheClosedForm) {
  Rng rng(2);
  for (const ReferenceGrid& grid : kGrids) {
    const float clip_max = grid.scale * (grid.high() - static_cast<float>(grid.offset)) * 1.001F;
    const float clip_min = grid.scale * (grid.low() - static_cast<float>(grid.offset)) * 0.999F;
    for (const std::int64_t n : kSizes) {
      const std::vector<float> x = normal_values(n, rng, 1.5F), dy = normal_values(n, rng, 1.0F);
      std::vector<float> dx(x.size());
      const ClippedGrid clipped{kernel_grid(grid), clip_max, clip_min};
      const ClipGradients sums = clipped_backward(n, clipped, x.data(), dy.data(), dx.data());
      const test::ReferenceUlq expected = test::reference_ulq(grid, clip_max, clip_min, x, dy);
      EXPECT_TRUE(same_bits(dx, expected.dx));
      EXPECT_NEAR(sums.clip_max, expected.clip_max.value, 1e-6 * expected.clip_max.absolute);
      EXPECT_NEAR(sums.clip_min, expected.clip_min.value, 1e-6 * expected.clip_min.absolute);
      const ClipGradients alone = clipped_backward(n, clipped, x.data(), dy.data(), nullptr);
      EXPECT_EQ(alone.clip_max, sums.clip_max);
      EXPECT_EQ(alone.clip_min, sums.clip_min);
    }
  }
}

TEST(FakeQuant, MaskIsItsOwnAdjoint) {
  // dx = M dy with a diagonal M: <M u, v> = <u, M v>.
  Rng rng(3);
  const std::int64_t n = 5000;
  const std::vector<float> x = normal_values(n, rng, 2.0F), u = normal_values(n, rng, 1.0F),
                           v = normal_values(n, rng, 1.0F);
  std::vector<float> mu(x.size()), mv(x.size());
  const ClippedGrid grid{{0.01F, 5.0F, -128.0F, 127.0F}, 1.22F, -1.33F};
  clipped_backward(n, grid, x.data(), u.data(), mu.data());
  clipped_backward(n, grid, x.data(), v.data(), mv.data());
  double left = 0.0, right = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    left += static_cast<double>(mu[i]) * static_cast<double>(v[i]);
    right += static_cast<double>(u[i]) * static_cast<double>(mv[i]);
  }
  EXPECT_EQ(left, right);
}

TEST(FakeQuant, ExtremesOfAllValues) {
  Rng rng(4);
  for (const std::int64_t n : kSizes) {
    const std::vector<float> x = normal_values(n, rng, 1.0F);
    const Extremes found = extremes(n, x.data());
    EXPECT_TRUE(found.finite);
    EXPECT_EQ(found.max, *std::ranges::max_element(x));
    EXPECT_EQ(found.min, *std::ranges::min_element(x));
  }
}

TEST(FakeQuant, RoundingLossesAreTheSumsOfSquares) {
  Rng rng(5);
  const std::vector<float> x = normal_values(70000, rng, 1.0F), clips = {1.0F, 2.5F}, scales = {1.0F / 127, 2.5F / 127};
  std::vector<double> counts(x.size()), losses(2), weighted(2);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = static_cast<double>(i % 3);
  add_rounding_losses(70000, x.data(), nullptr, clips, scales, losses);
  add_rounding_losses(70000, x.data(), counts.data(), clips, scales, weighted);
  for (std::size_t k = 0; k < 2; ++k) {
    double sum = 0.0, weighted_sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float error = std::rint(std::clamp(x[i], -clips[k], clips[k]) / scales[k]) * scales[k] - x[i];
      sum += static_cast<double>(error) * static_cast<double>(error);
      weighted_sum += counts[i] * static_cast<double>(error) * static_cast<double>(error);
    }
    EXPECT_NEAR(losses[k], sum, 1e-9 * sum);
    EXPECT_NEAR(weighted[k], weighted_sum, 1e-9 * weighted_sum);
  }
}

// A grouped transposed convolution: 6 inputs, 9 outputs in 3 groups, 2x3 kernels.
constexpr ChannelView kTransposed{.groups = 3, .rows = 2, .channels = 3, .run = 6};

std::size_t channel_of(std::size_t i) {
  return static_cast<std::size_t>(test::transposed_output_channel(static_cast<std::int64_t>(i), 6, 9, 3, 6));
}

TEST(FakeQuant, ChannelsOfATransposedWeightAreWhereItsGroupsPutThem) {
  Rng rng(6);
  const std::vector<float> w = normal_values(108, rng, 1.0F), dy = normal_values(108, rng, 1.0F);
  std::vector<float> max(9), min(9), expected_max(9, -kInfinity), expected_min(9, kInfinity), y(108), scales(9);
  for (std::size_t i = 0; i < w.size(); ++i) {
    expected_max[channel_of(i)] = std::max(expected_max[channel_of(i)], w[i]);
    expected_min[channel_of(i)] = std::min(expected_min[channel_of(i)], w[i]);
  }
  EXPECT_TRUE(channel_extremes(kTransposed, w.data(), max.data(), min.data()));
  EXPECT_EQ(max, expected_max);
  EXPECT_EQ(min, expected_min);

  for (std::size_t c = 0; c < 9; ++c) scales[c] = 0.005F + 0.001F * static_cast<float>(c);
  EXPECT_TRUE(fake_quantize_channels(kTransposed, scales.data(), -128.0F, 127.0F, w.data(), y.data()));
  std::vector<double> sums(9), expected(9), absolute(9);
  channel_scale_sums(kTransposed, scales.data(), -128.0F, 127.0F, w.data(), dy.data(), sums.data());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float s = scales[channel_of(i)], t = w[i] / s;
    EXPECT_EQ(y[i], std::clamp(std::rint(t), -128.0F, 127.0F) * s);
    const float d = w[i] > s * 127.0F ? 127.0F : w[i] < s * -128.0F ? -128.0F : std::rint(t) - t;
    expected[channel_of(i)] += static_cast<double>(d * dy[i]);
    absolute[channel_of(i)] += std::fabs(static_cast<double>(d * dy[i]));
  }
  for (std::size_t c = 0; c < 9; ++c) EXPECT_NEAR(sums[c], expected[c], 1e-9 * absolute[c]);
}

TEST(FakeQuant, ReportsWeightsThatAreNotFinite) {
  std::vector<float> w(108, 1.0F), scales(9, 0.1F), max(9), min(9), y(108);
  w[77] = kNaN;
  EXPECT_FALSE(channel_extremes(kTransposed, w.data(), max.data(), min.data()));
  EXPECT_FALSE(fake_quantize_channels(kTransposed, scales.data(), -128.0F, 127.0F, w.data(), y.data()));
}

TEST(FakeQuant, SameBitsOnAnyNumberOfThreads) {
  Rng rng(7);
  const std::int64_t n = 500001;
  const std::vector<float> x = normal_values(n, rng, 1.0F), dy = normal_values(n, rng, 1.0F);
  const ChannelView view{.groups = 1, .rows = 1, .channels = 67, .run = 7001};
  const std::vector<float> scales(67, 0.01F);
  expect_same_values_on_any_number_of_threads([&] {
    std::vector<float> out(x.size());
    const ClipGradients sums =
        clipped_backward(n, {{0.01F, 3.0F, -128.0F, 127.0F}, 1.24F, -1.31F}, x.data(), dy.data(), out.data());
    std::vector<double> channel_sums(67), losses(2);
    channel_scale_sums(view, scales.data(), -128.0F, 127.0F, x.data(), dy.data(), channel_sums.data());
    const std::vector<float> clips = {1.0F, 2.0F}, steps = {0.01F, 0.02F};
    add_rounding_losses(n, x.data(), nullptr, clips, steps, losses);
    // The doubles by their bits, as pairs of floats.
    std::vector<double> doubles = {sums.clip_max, sums.clip_min, losses[0], losses[1]};
    doubles.insert(doubles.end(), channel_sums.begin(), channel_sums.end());
    const std::size_t before = out.size();
    out.resize(before + 2 * doubles.size());
    std::memcpy(out.data() + before, doubles.data(), doubles.size() * sizeof(double));
    return out;
  });
}

}  // namespace
}  // namespace octet::kernels
