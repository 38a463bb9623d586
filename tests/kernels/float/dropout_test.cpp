// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

TEST(DropoutKernel, DecidesElementIByNumberIOfTheStream) {
  for (float p : {0.0F, 0.25F, 0.999F}) {
    Rng stream(9, 4);
    std::vector<std::uint8_t> keep(9001);
    dropout_mask(9001, stream, p, keep.data());
    for (std::size_t i = 0; i < keep.size(); ++i)
      ASSERT_EQ(keep[i], static_cast<double>(stream.next()) >= std::floor(static_cast<double>(p) * 0x1p32)) << i;
  }
}

TEST(DropoutKernel, MakesTheSameMaskOnAnyNumberOfThreads) {
  test::expect_same_values_on_any_number_of_threads([] {
    std::vector<std::uint8_t> keep(100'001);
    dropout_mask(100'001, Rng(10), 0.5F, keep.data());
    return std::vector<float>(keep.begin(), keep.end());
  });
}

TEST(DropoutKernel, DropsEvenWhatIsNotFinite) {
  const std::vector<float> x = {std::numeric_limits<float>::infinity(), std::nanf(""), 3};
  const std::vector<std::uint8_t> keep = {0, 0, 1};
  std::vector<float> y(3);
  dropout_apply(3, keep.data(), 2.0F, x.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{0, 0, 6}));
}

}  // namespace
}  // namespace octet::kernels
