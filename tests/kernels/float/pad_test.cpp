// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/pad.h"

#include <gtest/gtest.h>

#include <vector>

#include "octet/base/rng.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

TEST(PadKernel, ShowsTheRowsAndColumnsOfTheMaps) {
  const PadShape s{1, 2, 2, 2, {-1, 1, 0}, {1, -1, -1, 0, 1}};
  const std::vector<float> x = {1, 10, 2, 20, 3, 30, 4, 40};  // two rows of two pixels of two channels
  std::vector<float> y(3 * 5 * 2, 77.0F);
  pad_forward(s, x.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{0, 0,  0, 0, 0, 0, 0, 0,  0, 0,      // zeros
                                   4, 40, 0, 0, 0, 0, 3, 30, 4, 40,     // row 1
                                   2, 20, 0, 0, 0, 0, 1, 10, 2, 20}));  // row 0
}

TEST(PadKernel, AddsTheGradientsOfAllCopies) {
  const PadShape s{1, 1, 2, 2, {0, 0, 1}, {1, 0, 1}};
  const std::vector<float> dy = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<float> dx(4, 77.0F);
  pad_backward(s, dy.data(), dx.data());
  EXPECT_EQ(dx, (std::vector<float>{2 + 5, 1 + 3 + 4 + 6, 8, 7 + 9}));
}

TEST(PadKernel, BackwardIsTheAdjointOnAnyNumberOfThreads) {
  PadShape s{5, 33, 20, 21, {}, {}};
  for (std::int64_t i = -7; i < 27; ++i) s.rows.push_back(i < 0 ? -i : i >= 20 ? 38 - i : i);
  for (std::int64_t i = -4; i < 25; ++i) s.columns.push_back(i < 0 || i >= 21 ? -1 : i);
  Rng rng(5);
  std::vector<float> x(static_cast<std::size_t>(5 * 33 * 20 * 21)), dy(static_cast<std::size_t>(5 * 33 * 34 * 29));
  for (float& v : x) v = rng.normal();
  for (float& v : dy) v = rng.normal();
  std::vector<float> y(dy.size()), dx(x.size());
  test::expect_same_values_on_any_number_of_threads([&] {
    pad_forward(s, x.data(), y.data());
    pad_backward(s, dy.data(), dx.data());
    std::vector<float> both = y;
    both.insert(both.end(), dx.begin(), dx.end());
    return both;
  });
  double left = 0, right = 0;
  for (std::size_t i = 0; i < y.size(); ++i) left += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
  for (std::size_t i = 0; i < x.size(); ++i) right += static_cast<double>(x[i]) * static_cast<double>(dx[i]);
  EXPECT_NEAR(left, right, 1e-3);
}

}  // namespace
}  // namespace octet::kernels
