// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/channel_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "octet/base/rng.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

using testing::ElementsAre;

std::vector<float> random_values(std::int64_t n, float mean, float std) {
  Rng rng(7);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = mean + std * rng.normal();
  return values;
}

struct Expected {
  std::vector<double> sum, variance;
};

Expected in_double(const Rows& s, const std::vector<float>& x) {
  const auto channels = static_cast<std::size_t>(s.channels);
  const auto rows = static_cast<double>(s.rows);
  Expected e{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t i = 0; i < x.size(); ++i) e.sum[i % channels] += static_cast<double>(x[i]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double from_mean = static_cast<double>(x[i]) - e.sum[i % channels] / rows;
    e.variance[i % channels] += from_mean * from_mean / rows;
  }
  return e;
}

// Less than a period, whole periods, a rest, one and several chunks, channels that share no factor with the lanes.
const std::vector<Rows> kShapes = {{1, 1},     {5, 3},     {64, 1},   {65, 1},   {2, 100},    {100, 16},
                                   {1000, 17}, {4096, 16}, {777, 64}, {300, 65}, {5000, 130}, {70'001, 3}};

TEST(ChannelSums, AgreeWithOneLoopForEveryShape) {
  for (const Rows& s : kShapes) {
    const std::vector<float> x = random_values(s.size(), 0.5F, 2.0F);
    const Expected e = in_double(s, x);
    std::vector<float> sum(e.sum.size()), mean(e.sum.size()), variance(e.sum.size());
    channel_sums(s, x.data(), sum.data());
    channel_moments(s, x.data(), mean.data(), variance.data());
    for (std::size_t c = 0; c < sum.size(); ++c) {
      EXPECT_NEAR(sum[c], e.sum[c], 1e-6 * static_cast<double>(s.rows) + 1e-6) << s.rows << 'x' << s.channels;
      EXPECT_NEAR(mean[c], e.sum[c] / static_cast<double>(s.rows), 4e-6) << s.rows << 'x' << s.channels;
      EXPECT_NEAR(variance[c], e.variance[c], 2e-5 * e.variance[c] + 1e-9) << s.rows << 'x' << s.channels;
    }
  }
}

TEST(ChannelMoments, KeepTheVarianceBesideALargeMean) {
  const Rows s{20'000, 5};
  const std::vector<float> x = random_values(s.size(), 10'000.0F, 1.0F);
  const Expected e = in_double(s, x);
  std::vector<float> mean(5), variance(5);
  channel_moments(s, x.data(), mean.data(), variance.data());
  for (std::size_t c = 0; c < 5; ++c) {
    EXPECT_NEAR(mean[c], e.sum[c] / 20'000, 1e-3);
    EXPECT_NEAR(variance[c], e.variance[c], 1e-5);
  }
}

TEST(ChannelSums, HaveTheSameBitsOnAnyNumberOfThreads) {
  for (const Rows& s : kShapes) {
    const std::vector<float> x = random_values(s.size(), 0.5F, 2.0F);
    test::expect_same_values_on_any_number_of_threads([&] {
      const auto channels = static_cast<std::size_t>(s.channels);
      std::vector<float> results(3 * channels);
      channel_sums(s, x.data(), results.data());
      channel_moments(s, x.data(), results.data() + channels, results.data() + 2 * channels);
      return results;
    });
  }
}

TEST(AddChannels, AddsToEveryRow) {
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<float> bias = {10, 20};
  add_channels({3, 2}, bias.data(), x.data());
  EXPECT_THAT(x, ElementsAre(11, 22, 13, 24, 15, 26));
  for (const Rows& s : kShapes) {
    const std::vector<float> values = random_values(s.size(), 0, 1), added = random_values(s.channels, 3, 1);
    std::vector<float> y = values;
    add_channels(s, added.data(), y.data());
    for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], values[i] + added[i % added.size()]);
  }
}

}  // namespace
}  // namespace octet::kernels
