// SPDX-License-Identifier: Apache-2.0
// Every form of the formula against one plain loop. Element-wise results have the loop's very bits; sums are compared
// with those of a loop in double.
#include "octet/kernels/epilogue/epilogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "octet/base/rng.h"

namespace octet::kernels {
namespace {

enum class Second { kNone, kPlain, kNorm };

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = rng.normal();
  return values;
}

struct Norm {
  std::vector<float> mean, scale, shift;
  Norm(std::int64_t channels, std::uint64_t seed)
      : mean(random_values(channels, seed)),
        scale(random_values(channels, seed + 1)),
        shift(random_values(channels, seed + 2)) {}
};

using Form = std::tuple<bool, Second, Clamp>;  // first term normalised, second term, clamp

class Epilogue : public testing::TestWithParam<Form> {
 protected:
  // One example for a shape: data, parameters, and what a plain loop makes of them.
  struct Example {
    Rows s;
    bool first_norm;
    Clamp clamp;
    Second second;
    std::vector<float> x0 = random_values(s.size(), 1), x1 = random_values(s.size(), 2);
    std::vector<float> dy0 = random_values(s.size(), 3), dy1 = random_values(s.size(), 4);
    Norm n0{s.channels, 5}, n1{s.channels, 8};

    EpilogueTerm term(int t) const {
      const bool normalised = t == 0 ? first_norm : second == Second::kNorm;
      if (t == 1 && second == Second::kNone) return {};
      const Norm& n = t == 0 ? n0 : n1;
      const float* const x = (t == 0 ? x0 : x1).data();
      if (!normalised) return {x, nullptr, nullptr, nullptr};
      return {x, n.mean.data(), n.scale.data(), n.shift.data()};
    }
    std::size_t channel(std::size_t i) const { return i % n0.mean.size(); }
    float value(const EpilogueTerm& t, std::size_t i) const {
      const std::size_t c = channel(i);
      return t.mean ? (t.x[i] - t.mean[c]) * t.scale[c] + t.shift[c] : t.x[i];
    }
    std::vector<float> y() const {
      std::vector<float> y(x0.size());
      for (std::size_t i = 0; i < y.size(); ++i) {
        y[i] = value(term(0), i);
        if (term(1).x) y[i] += value(term(1), i);
        y[i] = std::min(std::max(y[i], clamp.low), clamp.high);
      }
      return y;
    }
    // The gradient behind the mask, from one or two upstream ones.
    std::vector<float> d(bool two) const {
      const std::vector<float> result = y();
      std::vector<float> d = dy0;
      for (std::size_t i = 0; i < d.size(); ++i) {
        if (two) d[i] += dy1[i];
        if (result[i] <= clamp.low || result[i] >= clamp.high) d[i] = 0;
      }
      return d;
    }
    EpilogueGradient gradient(bool two, const float* y) const {
      return {{dy0.data(), two ? dy1.data() : nullptr}, {term(0), term(1)}, y, clamp};
    }
  };

  static std::vector<Example> examples() {
    const auto [first_norm, second, clamp] = GetParam();
    std::vector<Example> examples;
    for (const Rows& s : {Rows{1, 1}, Rows{7, 3}, Rows{70, 1}, Rows{33, 16}, Rows{50, 64}, Rows{301, 17}, Rows{9, 130},
                          Rows{700, 100}, Rows{0, 5}})
      examples.push_back({s, first_norm, clamp, second});
    return examples;
  }
};

TEST_P(Epilogue, ForwardHasTheBitsOfAPlainLoop) {
  for (const Example& e : examples()) {
    std::vector<float> y(e.x0.size());
    epilogue_forward(e.s, {e.term(0), e.term(1)}, e.clamp, y.data());
    EXPECT_EQ(y, e.y()) << e.s.rows << 'x' << e.s.channels;
  }
}

TEST_P(Epilogue, BackwardMaskHasTheBitsOfAPlainLoop) {
  for (const Example& e : examples())
    for (const bool two : {false, true}) {
      const std::vector<float> y = e.y();
      std::vector<float> d(y.size());
      epilogue_backward_mask(e.s, e.gradient(two, y.data()), d.data());
      EXPECT_EQ(d, e.d(two)) << e.s.rows << 'x' << e.s.channels;
      if (!e.term(1).x) {
        std::vector<float> from_term(y.size());
        epilogue_backward_mask(e.s, e.gradient(two, nullptr), from_term.data());
        EXPECT_EQ(from_term, d) << "mask computed again, " << e.s.rows << 'x' << e.s.channels;
      }
    }
}

TEST_P(Epilogue, BackwardSumsAgreeWithAPlainLoop) {
  for (const Example& e : examples())
    for (const bool two : {false, true}) {
      const std::vector<float> y = e.y(), expected_d = e.d(two);
      const std::size_t channels = e.n0.mean.size();
      std::vector<double> sum(channels), sum_dx[2] = {std::vector<double>(channels), std::vector<double>(channels)};
      for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t c = e.channel(i);
        const auto d = static_cast<double>(expected_d[i]);
        sum[c] += d;
        for (int t = 0; t < 2; ++t)
          if (const EpilogueTerm term = e.term(t); term.mean)
            sum_dx[t][c] += d * (static_cast<double>(term.x[i]) - static_cast<double>(term.mean[c]));
      }
      std::vector<float> d(y.size()), s(channels), s0(channels), s1(channels);
      epilogue_backward_sums(e.s, e.gradient(two, y.data()), d.data(), s.data(), {s0.data(), s1.data()});
      EXPECT_EQ(d, expected_d);
      const double tolerance = 1e-6 * static_cast<double>(e.s.rows) + 1e-6;
      for (std::size_t c = 0; c < channels; ++c) {
        EXPECT_NEAR(s[c], sum[c], tolerance);
        if (e.term(0).mean) {
          EXPECT_NEAR(s0[c], sum_dx[0][c], 4 * tolerance);
        }
        if (e.term(1).mean) {
          EXPECT_NEAR(s1[c], sum_dx[1][c], 4 * tolerance);
        }
      }
    }
}

TEST_P(Epilogue, BackwardApplyHasTheBitsOfAPlainLoop) {
  for (const Example& e : examples())
    for (int t = 0; t < 2; ++t) {
      const EpilogueTerm term = e.term(t);
      if (!term.mean) continue;
      const Norm k(e.s.channels, 20);
      const std::vector<float> y = e.y(), d = e.d(true);
      std::vector<float> expected(y.size()), dx(y.size());
      for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t c = e.channel(i);
        expected[i] = k.mean[c] * d[i] + (k.scale[c] * (term.x[i] - term.mean[c]) + k.shift[c]);
      }
      epilogue_backward_apply(e.s, e.gradient(true, y.data()), t, k.mean.data(), k.scale.data(), k.shift.data(),
                              dx.data());
      EXPECT_EQ(dx, expected) << e.s.rows << 'x' << e.s.channels << ", term " << t;
    }
}

std::string form_name(const testing::TestParamInfo<Form>& info) {
  const auto [first_norm, second, clamp] = info.param;
  std::string name = first_norm ? "Norm" : "Plain";
  if (second != Second::kNone) name += second == Second::kNorm ? "PlusNorm" : "PlusPlain";
  if (!clamp.does_something()) return name;
  return (clamp.high < 1.0F ? "ClampOf" : "ReluOf") + name;
}

INSTANTIATE_TEST_SUITE_P(Forms, Epilogue,
                         testing::Combine(testing::Bool(),
                                          testing::Values(Second::kNone, Second::kPlain, Second::kNorm),
                                          testing::Values(kNoClamp, kReluClamp, Clamp{.low = -0.4F, .high = 0.7F})),
                         form_name);

TEST(EpilogueForward, KeepsNotANumberUnderRelu) {
  const std::vector<float> x = {std::nanf(""), -1, 2};
  std::vector<float> y(3);
  epilogue_forward({3, 1}, {{x.data(), nullptr, nullptr, nullptr}, {}}, kReluClamp, y.data());
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 0);
  EXPECT_EQ(y[2], 2);
}

// PyTorch 2.x: relu6 passes no gradient at 0 and 6, clamp(0, 6) does.
TEST(EpilogueBackward, PassesAtTheEndsOnlyIfAsked) {
  const std::vector<float> x = {-0.1F, 0.0F, 0.1F, 5.9F, 6.0F, 6.1F}, dy(6, 1.0F);
  std::vector<float> d(6);
  EpilogueGradient g{{dy.data(), nullptr}, {{.x = x.data()}, {}}, nullptr, kRelu6Clamp};
  epilogue_backward_mask({6, 1}, g, d.data());
  EXPECT_EQ(d, (std::vector<float>{0, 0, 1, 1, 0, 0}));
  g.clamp.ends_pass = true;
  epilogue_backward_mask({6, 1}, g, d.data());
  EXPECT_EQ(d, (std::vector<float>{0, 1, 1, 1, 1, 0}));
}

// The quantizer's grid ends below the clamp's: what the clamp cut is beyond the grid, and moves its upper clip.
TEST(EpilogueBackward, ClipsSeeWhatTheClampCut) {
  const std::vector<float> x = {1.0F, 7.0F}, dy = {2.0F, 3.0F};
  const ClippedGrid quantizer{.grid = {.scale = 1.0F / 64, .offset = -128.0F, .low = -128.0F, .high = 127.0F},
                              .clip_max = 255.0F / 64,
                              .clip_min = 0.0F};
  EpilogueGradient g{{dy.data(), nullptr}, {{.x = x.data()}, {}}, nullptr, kRelu6Clamp, &quantizer};
  std::vector<float> d(2);
  float sum;
  const ClipGradients clips = epilogue_backward_sums({2, 1}, g, d.data(), &sum, {nullptr, nullptr});
  EXPECT_EQ(d, (std::vector<float>{2, 0}));
  EXPECT_FLOAT_EQ(static_cast<float>(clips.clip_max), 3.0F);
}

}  // namespace
}  // namespace octet::kernels
