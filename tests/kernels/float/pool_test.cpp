// SPDX-License-Identifier: Apache-2.0
// What the ops' tests cannot see: how winners are kept, and that no memory is touched beyond the arrays.
#include "octet/kernels/float/pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

TEST(MaxPoolKernel, KeepsOneByteOfAWinnerWhileThatIsEnough) {
  MaxPoolShape s{.n = 2, .c = 3, .h = 40, .w = 40, .oh = 5, .ow = 4, .kernel = 16};
  EXPECT_EQ(s.winners_bytes(), 2 * 3 * 5 * 4);
  s.kernel = {16, 17};
  EXPECT_EQ(s.winners_bytes(), 4 * 2 * 3 * 5 * 4);
}

TEST(MaxPoolKernel, FindsWinnersAnywhereInNarrowAndWideWindows) {
  for (const Size2 kernel : {Size2(16, 16), Size2(16, 17)})
    for (std::int64_t at = 0; at < kernel.h * kernel.w; at += 7) {
      const MaxPoolShape s{
          .n = 1, .c = 1, .h = kernel.h, .w = kernel.w, .oh = 1, .ow = 1, .kernel = kernel, .stride = kernel};
      std::vector<float> x(static_cast<std::size_t>(kernel.h * kernel.w)), dx(x.size());
      x[static_cast<std::size_t>(at)] = 1;
      std::vector<std::uint8_t> winners(static_cast<std::size_t>(s.winners_bytes()));
      float y = 0;
      const float dy = 2;
      max_pool_forward(s, x.data(), &y, winners.data());
      EXPECT_EQ(y, 1.0F);
      max_pool_backward(s, winners.data(), &dy, dx.data());
      for (std::size_t i = 0; i < dx.size(); ++i) EXPECT_EQ(dx[i], 2 * x[i]) << kernel.w << ", winner " << at;
    }
}

TEST(MaxPoolKernel, HandlesEveryNumberOfChannels) {
  for (std::int64_t c = 1; c <= 130; ++c) {
    const MaxPoolShape s{.n = 1, .c = c, .h = 2, .w = 3, .oh = 1, .ow = 2, .kernel = 2, .stride = 1};
    const auto count = static_cast<std::size_t>(c);
    std::vector<float> x(6 * count), y(2 * count + 1, 77.0F), dx(6 * count + 1, 77.0F);
    std::iota(x.begin(), x.end(), 0.0F);  // the last pixel of a window wins
    std::vector<std::uint8_t> winners(2 * count + 1, 99);
    max_pool_forward(s, x.data(), y.data(), winners.data());
    const std::vector<float> dy(2 * count, 1.0F);
    max_pool_backward(s, winners.data(), dy.data(), dx.data());
    for (std::size_t i = 0; i < 2 * count; ++i) ASSERT_EQ(y[i], x[4 * count + i]) << c;
    for (std::size_t i = 0; i < 6 * count; ++i) ASSERT_EQ(dx[i], i >= 4 * count ? 1.0F : 0.0F) << c;
    EXPECT_EQ(y.back(), 77.0F);
    EXPECT_EQ(dx.back(), 77.0F);
    EXPECT_EQ(winners.back(), 99);
  }
}

TEST(AvgPoolKernel, HandlesEveryNumberOfChannels) {
  for (std::int64_t c = 1; c <= 130; ++c) {
    const AvgPoolShape s{1, c, 2, 2, {{0, 2, 2}}, {{0, 2, 2}}};
    const auto count = static_cast<std::size_t>(c);
    std::vector<float> x(4 * count), y(count + 1, 77.0F), dx(4 * count + 1, 77.0F);
    std::iota(x.begin(), x.end(), 0.0F);
    avg_pool_forward(s, x.data(), y.data());
    avg_pool_backward(s, y.data(), dx.data());
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(y[i], 0.25F * (x[i] + x[i + count] + x[i + 2 * count] + x[i + 3 * count]));
    for (std::size_t i = 0; i < 4 * count; ++i) ASSERT_EQ(dx[i], y[i % count] / 4);
    EXPECT_EQ(y.back(), 77.0F);
    EXPECT_EQ(dx.back(), 77.0F);
  }
}

TEST(AvgPoolKernel, LeavesPixelsThatNoWindowSeesWithoutGradient) {
  const AvgPoolShape s{1, 1, 1, 5, {{0, 1, 1}}, {{0, 1, 1}, {3, 4, 1}}};
  const std::vector<float> dy = {2, 3};
  std::vector<float> dx(5, 77.0F);
  avg_pool_backward(s, dy.data(), dx.data());
  EXPECT_EQ(dx, (std::vector<float>{2, 0, 0, 3, 0}));
}

TEST(MaxPoolKernel, HasTheSameBitsOnAnyNumberOfThreads) {
  const MaxPoolShape s{.n = 3, .c = 40, .h = 31, .w = 29, .oh = 16, .ow = 15, .kernel = 3, .stride = 2, .padding = 1};
  std::vector<float> x(static_cast<std::size_t>(3 * 40 * 31 * 29)), y(static_cast<std::size_t>(3 * 40 * 16 * 15));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1009);
  test::expect_same_values_on_any_number_of_threads([&] {
    std::vector<std::uint8_t> winners(static_cast<std::size_t>(s.winners_bytes()));
    std::vector<float> dx(x.size());
    max_pool_forward(s, x.data(), y.data(), winners.data());
    max_pool_backward(s, winners.data(), y.data(), dx.data());
    dx.insert(dx.end(), y.begin(), y.end());
    return dx;
  });
}

}  // namespace
}  // namespace octet::kernels
