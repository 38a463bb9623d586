// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_epilogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "octet/base/rng.h"
#include "octet/kernels/int8/int8_epilogue_loops.h"

namespace octet::kernels {
namespace {

using Residual = Int8Epilogue::Residual;

struct Case {
  std::int64_t width, channels, rows;
  bool inner;
  Residual residual;
  bool keeps_float, output;
  float low, high;
};

// The formula of the header, value by value.
float expected_value(const Int8Epilogue& e, std::size_t c, std::int32_t acc, std::uint8_t residual_q,
                     float residual_y) {
  const auto level = [](const Int8Scale& s, float x) {
    return std::clamp(std::nearbyintf(x / s.scale) + static_cast<float>(s.zero_point), 0.0F, 255.0F) -
           static_cast<float>(s.zero_point);
  };
  float y = (static_cast<float>(acc) + e.bias[c]) * e.scale[c];
  if (e.inner) y = level(*e.inner, y) * e.inner->scale;
  if (e.residual == Residual::kFloat) y += residual_y;
  if (e.residual == Residual::kQuantized)
    y += static_cast<float>(residual_q - e.residual_scale.zero_point) * e.residual_scale.scale;
  return y < e.low ? e.low : y > e.high ? e.high : y;
}

void check(const Case& k, std::uint64_t seed) {
  Rng rng(seed);
  const auto below = [&](int n) { return static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(n))); };
  const auto grid = [&] { return Int8Scale{0.002F + 0.05F * rng.uniform(), below(3) == 0 ? 0 : below(256)}; };
  Int8Epilogue e;
  for (std::int64_t c = 0; c < k.channels; ++c) {
    e.bias.push_back(static_cast<float>(below(20001) - 10000));
    e.scale.push_back(1e-4F * (0.2F + rng.uniform()));
  }
  if (k.inner) e.inner = grid();
  if (k.output) e.output = grid();
  e.residual = k.residual;
  e.residual_scale = grid();
  e.keeps_float = k.keeps_float;
  e.low = k.low;
  e.high = k.high;

  const std::int64_t first = k.channels - k.width;
  std::vector<std::int32_t> acc, correction;
  for (std::int64_t i = 0; i < k.rows * k.width; ++i) acc.push_back(below(80001) - 40000);
  for (std::int64_t c = 0; c < k.width; ++c) correction.push_back(below(2001) - 1000);
  const auto size = static_cast<std::size_t>(k.rows * k.channels);
  std::vector<std::uint8_t> residual_q(size), q(size, 7);
  std::vector<float> residual_y(size), y(size, 7.0F);
  for (std::size_t i = 0; i < size; ++i) {
    residual_q[i] = static_cast<std::uint8_t>(below(256));
    residual_y[i] = 4.0F * rng.uniform() - 2.0F;
  }
  const void* const residual =
      k.residual == Residual::kFloat ? static_cast<const void*>(residual_y.data()) : residual_q.data();
  const Int8Finisher finisher(e, {first, k.width}, k.channels, 42000, correction);
  finisher({acc.data(), k.rows, first}, {residual, y.data(), q.data()});
  std::vector<std::uint8_t> plain_q(size, 7);
  std::vector<float> plain_y(size, 7.0F);
  finish_plain(finisher.plan(), {acc.data(), k.rows, first}, {residual, plain_y.data(), plain_q.data()});
  EXPECT_EQ(plain_q, q);
  EXPECT_EQ(std::memcmp(plain_y.data(), y.data(), size * sizeof(float)), 0);

  for (std::int64_t row = 0; row < k.rows; ++row)
    for (std::int64_t c = 0; c < k.channels; ++c) {
      const auto at = static_cast<std::size_t>(row * k.channels + c);
      if (c < first) {
        EXPECT_TRUE(q[at] == 7 && y[at] == 7.0F) << "wrote beyond its channels";
        continue;
      }
      const auto in_range = static_cast<std::size_t>(c - first);
      const std::int32_t sum = acc[static_cast<std::size_t>(row * k.width) + in_range] + correction[in_range];
      const float value = expected_value(e, static_cast<std::size_t>(c), sum, residual_q[at], residual_y[at]);
      if (k.keeps_float) {
        ASSERT_EQ(std::memcmp(&y[at], &value, sizeof value), 0) << y[at] << ' ' << value;
      }
      if (k.output) {
        const float level = std::nearbyintf(value / e.output->scale) + static_cast<float>(e.output->zero_point);
        ASSERT_EQ(q[at], static_cast<std::uint8_t>(std::clamp(level, 0.0F, 255.0F))) << value;
      }
    }
}

TEST(Int8Epilogue, GivesTheBitsOfItsFormula) {
  const float infinity = INFINITY;
  std::uint64_t seed = 0;
  for (const auto& [width, channels] :
       {std::pair(16, 16), {64, 64}, {10, 10}, {24, 24}, {128, 128}, {64, 128}, {40, 104}, {1, 1}})
    for (const bool inner : {false, true})
      for (const Residual residual : {Residual::kNone, Residual::kQuantized, Residual::kFloat})
        for (const auto& [keeps_float, output] : {std::pair(true, false), {false, true}, {true, true}})
          for (const auto& [low, high] : {std::pair(-infinity, infinity), {0.0F, infinity}, {-0.5F, 0.75F}})
            check({width, channels, 7, inner, residual, keeps_float, output, low, high}, ++seed);
}

// On machines without AVX-512 this has nothing to try.
TEST(Int8Epilogue, FindsByteSumsThatHoldForAllPairsOrNone) {
  Rng rng(11);
  int found = 0;
  for (int i = 0; i < 10; ++i) {
    const Int8Scale inner{0.01F + 0.02F * rng.uniform(), static_cast<std::int32_t>(rng.below(256))};
    const Int8Scale residual{0.01F + 0.02F * rng.uniform(), 0}, output{0.02F + 0.02F * rng.uniform(), 0};
    const auto sum = find_byte_sum({inner, residual, output, 0.0F});
    if (!sum) continue;
    ++found;
    for (int q = 0; q < 256; ++q)
      for (int r = 0; r < 256; ++r) {
        const auto level = static_cast<float>(q - inner.zero_point);
        float y = level * inner.scale + static_cast<float>(r) * residual.scale;
        y = y < 0.0F ? 0.0F : y;
        const float expected = std::min(std::nearbyintf(y / output.scale), 255.0F);
        const float fused = std::fma(level, sum->level, std::fma(static_cast<float>(r), sum->residual, sum->constant));
        ASSERT_EQ(std::clamp(std::nearbyintf(fused), 0.0F, 255.0F), expected) << q << ' ' << r;
      }
  }
  RecordProperty("found", found);
}

}  // namespace
}  // namespace octet::kernels
