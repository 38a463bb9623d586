// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace octet::kernels {
namespace {

using testing::ElementsAre;

TEST(Layout, PutsChannelsLast) {
  const std::vector<float> nchw = {0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112};
  std::vector<float> nhwc(nchw.size());
  nchw_to_nhwc({.n = 2, .c = 2, .pixels = 3}, nchw.data(), nhwc.data());
  EXPECT_THAT(nhwc, ElementsAre(0, 10, 1, 11, 2, 12, 100, 110, 101, 111, 102, 112));
}

TEST(Layout, ThereAndBackAgainChangesNothing) {
  for (const ImageBatch& s : {ImageBatch{1, 1, 1}, ImageBatch{3, 1, 50}, ImageBatch{2, 130, 1}, ImageBatch{2, 3, 1025},
                              ImageBatch{5, 17, 49}, ImageBatch{1, 64, 200}, ImageBatch{0, 3, 4}}) {
    std::vector<float> values(static_cast<std::size_t>(s.n * s.c * s.pixels)), nhwc(values.size()), back(values.size());
    std::iota(values.begin(), values.end(), 0.0F);
    nchw_to_nhwc(s, values.data(), nhwc.data());
    nhwc_to_nchw(s, nhwc.data(), back.data());
    EXPECT_EQ(back, values) << s.n << ' ' << s.c << ' ' << s.pixels;
  }
}

}  // namespace
}  // namespace octet::kernels
