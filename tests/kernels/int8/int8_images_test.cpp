// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "octet/base/rng.h"

namespace octet::kernels {
namespace {

TEST(QuantizeNchw, QuantizesAndReordersAnyNumberOfChannels) {
  Rng rng(1);
  const Int8Scale s{0.013F, 77};
  for (const std::int64_t channels : {1, 2, 3, 4, 17})
    for (const std::int64_t pixels : {1, 15, 16, 17, 48, 5000}) {
      std::vector<float> x(static_cast<std::size_t>(2 * channels * pixels));
      for (float& v : x) v = 6.0F * rng.uniform() - 3.0F;
      std::vector<std::uint8_t> q(x.size());
      ASSERT_TRUE(quantize_nchw({2, channels, pixels}, s, x.data(), q.data()));
      for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t c = 0; c < channels; ++c)
          for (std::int64_t i = 0; i < pixels; ++i) {
            const float level =
                std::nearbyintf(x[static_cast<std::size_t>((n * channels + c) * pixels + i)] / s.scale) + 77.0F;
            ASSERT_EQ(q[static_cast<std::size_t>((n * pixels + i) * channels + c)],
                      static_cast<std::uint8_t>(std::clamp(level, 0.0F, 255.0F)));
          }
      x[x.size() / 2] = INFINITY;
      EXPECT_FALSE(quantize_nchw({2, channels, pixels}, s, x.data(), q.data()));
    }
}

TEST(MaxPoolU8, TakesWhatTheFloatPoolTakes) {
  Rng rng(2);
  for (const std::int64_t channels : {1, 3, 64, 70, 128}) {
    MaxPoolShape s{2, channels, 9, 8, 4, 3};
    s.kernel = {3, 2};
    s.stride = {2, 3};
    s.padding = {1, 0};
    s.dilation = {1, 2};
    std::vector<std::uint8_t> x(static_cast<std::size_t>(2 * channels * 72)),
        y(static_cast<std::size_t>(2 * channels * 12));
    for (std::uint8_t& v : x) v = static_cast<std::uint8_t>(rng.below(256));
    const std::vector<float> real(x.begin(), x.end());
    std::vector<float> pooled(y.size());
    max_pool_u8(s, x.data(), y.data());
    max_pool_forward(s, real.data(), pooled.data(), nullptr);
    EXPECT_EQ(std::vector<float>(y.begin(), y.end()), pooled);
  }
}

TEST(NhwcToNchwU8, Transposes) {
  const std::vector<std::uint8_t> nhwc{1, 2, 3, 4, 5, 6};
  std::vector<std::uint8_t> nchw(6);
  nhwc_to_nchw_u8({1, 2, 3}, nhwc.data(), nchw.data());
  EXPECT_EQ(nchw, (std::vector<std::uint8_t>{1, 3, 5, 2, 4, 6}));
}

TEST(CopyByteRows, JoinsRows) {
  const std::vector<std::uint8_t> from{1, 2, 3, 4};
  std::vector<std::uint8_t> to(6);
  copy_byte_rows({2, 2, 2, 3}, from.data(), to.data() + 1);
  EXPECT_EQ(to, (std::vector<std::uint8_t>{0, 1, 2, 0, 3, 4}));
}

}  // namespace
}  // namespace octet::kernels
