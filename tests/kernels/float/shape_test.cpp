// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/shape.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace octet::kernels {
namespace {

TEST(CopyRows, MovesRowsBetweenPitches) {
  const std::vector<float> from = {1, 2, 3, 4, 5, 6};
  std::vector<float> to(8, 0.0F);
  copy_rows({2, 2, 3, 4}, from.data() + 1, to.data() + 1);
  EXPECT_EQ(to, (std::vector<float>{0, 2, 3, 0, 0, 5, 6, 0}));
}

TEST(CopyRows, CopiesOnePieceAndManyRowsCompletely) {
  std::vector<float> from(300'000), to(300'000);
  std::iota(from.begin(), from.end(), 0.0F);
  copy_rows({1, 300'000, 300'000, 999'999}, from.data(), to.data());
  EXPECT_EQ(to, from);
  to.assign(400'000, -1.0F);
  copy_rows({100'000, 3, 3, 4}, from.data(), to.data());
  for (std::size_t i = 0; i < to.size(); ++i)
    ASSERT_EQ(to[i], i % 4 == 3 ? -1.0F : static_cast<float>(i / 4 * 3 + i % 4)) << i;
}

TEST(CopyRows, CopiesNothingFromNothing) {
  std::vector<float> to(3, 5.0F);
  copy_rows({0, 3, 3, 3}, nullptr, to.data());
  copy_rows({3, 0, 0, 1}, nullptr, to.data());
  EXPECT_EQ(to, (std::vector<float>{5, 5, 5}));
}

}  // namespace
}  // namespace octet::kernels
