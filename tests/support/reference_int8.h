// SPDX-License-Identifier: Apache-2.0
// Integer convolutions by the definition: one loop per index, sums in int64.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "octet/base/rng.h"
#include "octet/kernels/int8/int8_conv.h"

namespace octet::test {

/// q channels-last; w row-major; sums channels-last. `s` and its weights as kernels/float/conv.h has them.
inline std::vector<std::int64_t> reference_int8_conv(const kernels::ConvShape& s, const std::vector<std::uint8_t>& q,
                                                     std::int32_t zero_point, const std::vector<std::int8_t>& w) {
  std::vector<std::int64_t> sums;
  const std::int64_t ci = s.ci / s.groups, co = s.co / s.groups;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t y = 0; y < s.oh; ++y)
      for (std::int64_t x = 0; x < s.ow; ++x)
        for (std::int64_t c = 0; c < s.co; ++c) {
          std::int64_t sum = 0;
          for (std::int64_t k = 0; k < ci; ++k)
            for (std::int64_t i = 0; i < s.kh; ++i)
              for (std::int64_t j = 0; j < s.kw; ++j) {
                const std::int64_t h = y * s.stride.h - s.padding.h + i * s.dilation.h;
                const std::int64_t v = x * s.stride.w - s.padding.w + j * s.dilation.w;
                if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
                const std::int64_t channel = c / co * ci + k;
                sum += (std::int64_t{q[static_cast<std::size_t>(((n * s.h + h) * s.w + v) * s.ci + channel)]} -
                        zero_point) *
                       w[static_cast<std::size_t>(((c * ci + k) * s.kh + i) * s.kw + j)];
              }
          sums.push_back(sum);
        }
  return sums;
}

/// From [n, co, oh, ow] to [n, ci, h, w]: each input is spread over the window that a convolution would read.
inline std::vector<std::int64_t> reference_int8_conv_transpose(const kernels::ConvShape& s,
                                                               const std::vector<std::uint8_t>& q,
                                                               std::int32_t zero_point,
                                                               const std::vector<std::int8_t>& w) {
  std::vector<std::int64_t> sums(static_cast<std::size_t>(s.n * s.h * s.w * s.ci));
  const std::int64_t ci = s.ci / s.groups, co = s.co / s.groups;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t y = 0; y < s.oh; ++y)
      for (std::int64_t x = 0; x < s.ow; ++x)
        for (std::int64_t c = 0; c < s.co; ++c) {
          const std::int64_t value =
              std::int64_t{q[static_cast<std::size_t>(((n * s.oh + y) * s.ow + x) * s.co + c)]} - zero_point;
          for (std::int64_t k = 0; k < ci; ++k)
            for (std::int64_t i = 0; i < s.kh; ++i)
              for (std::int64_t j = 0; j < s.kw; ++j) {
                const std::int64_t h = y * s.stride.h - s.padding.h + i * s.dilation.h;
                const std::int64_t v = x * s.stride.w - s.padding.w + j * s.dilation.w;
                if (h < 0 || h >= s.h || v < 0 || v >= s.w) continue;
                const std::int64_t channel = c / co * ci + k;
                sums[static_cast<std::size_t>(((n * s.h + h) * s.w + v) * s.ci + channel)] +=
                    value * w[static_cast<std::size_t>(((c * ci + k) * s.kh + i) * s.kw + j)];
              }
        }
  return sums;
}

/// A layer with hard values: activations over all of 0 .. 255, every third channel's weights all 127 or all -128.
struct Int8Example {
  kernels::ConvShape s;
  std::int32_t zero_point;
  std::vector<std::uint8_t> x, y;  ///< input of the convolution, input of the transposed one
  std::vector<std::int8_t> w;

  Int8Example(const kernels::ConvShape& shape, std::int32_t zero, std::uint64_t seed = 1)
      : s(shape),
        zero_point(zero),
        x(static_cast<std::size_t>(s.n * s.ci * s.h * s.w)),
        y(static_cast<std::size_t>(s.n * s.co * s.oh * s.ow)),
        w(static_cast<std::size_t>(s.weight_count())) {
    Rng rng(seed);
    for (auto* values : {&x, &y})
      for (std::uint8_t& v : *values) v = static_cast<std::uint8_t>(rng.below(3) == 0 ? 255 : rng.below(256));
    const auto run = static_cast<std::size_t>(s.kh * s.kw);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = static_cast<std::int8_t>(i / run % 3 == 0   ? 127
                                      : i / run % 3 == 1 ? -128
                                                         : static_cast<int>(rng.below(256)) - 128);
  }

  void fill(int activation_above_zero, int weight) {
    for (auto* values : {&x, &y})
      for (std::uint8_t& v : *values) v = static_cast<std::uint8_t>(zero_point + activation_above_zero);
    for (std::int8_t& v : w) v = static_cast<std::int8_t>(weight);
  }

  void expect_exact_conv() const {
    std::vector<float> acc(y.size());
    kernels::int8_conv(s, {x.data(), zero_point}, w.data(), acc.data());
    expect_equal(acc, reference_int8_conv(s, x, zero_point, w));
  }
  void expect_exact_conv_transpose() const {
    std::vector<float> acc(x.size());
    kernels::int8_conv_transpose(s, {y.data(), zero_point}, w.data(), acc.data());
    expect_equal(acc, reference_int8_conv_transpose(s, y, zero_point, w));
  }

 private:
  static void expect_equal(const std::vector<float>& acc, const std::vector<std::int64_t>& sums) {
    ASSERT_EQ(acc.size(), sums.size());
    std::size_t differences = 0, first = 0;
    for (std::size_t i = acc.size(); i-- > 0;)
      if (acc[i] != static_cast<float>(sums[i])) {
        ++differences;
        first = i;
      }
    EXPECT_EQ(differences, 0U) << "of " << acc.size() << ", the first at " << first << ": " << acc[first] << ", not "
                               << sums[first];
  }
};

}  // namespace octet::test
