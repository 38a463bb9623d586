// SPDX-License-Identifier: Apache-2.0
// The kernels by themselves; over tables of shapes they are checked as the ops that they serve (ops_conv_test.cpp).
#include "octet/kernels/float/conv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "octet/base/rng.h"
#include "support/thread_counts.h"

namespace octet::kernels {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& v : values) v = rng.normal();
  return values;
}

double inner(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// A convolution with random x, w and dy, and what the three kernels make of them.
struct Example {
  ConvShape s;
  std::vector<float> x = random_values(s.n * s.ci * s.h * s.w, 1);
  std::vector<float> w = random_values(s.weight_count(), 2);
  std::vector<float> dy = random_values(s.n * s.co * s.oh * s.ow, 3);

  std::vector<float> forward(const float* bias = nullptr) const {
    std::vector<float> y(dy.size());
    conv_forward(s, x.data(), w.data(), bias, y.data());
    return y;
  }
  std::vector<float> backward_data() const {
    std::vector<float> dx(x.size());
    conv_backward_data(s, w.data(), dy.data(), dx.data());
    return dx;
  }
  std::vector<float> backward_weights() const {
    std::vector<float> dw(w.size());
    conv_backward_weights(s, x.data(), dy.data(), dw.data());
    return dw;
  }
};

std::vector<ConvShape> shapes() {
  return {
      {.n = 10, .ci = 16, .h = 8, .w = 8, .co = 16, .kh = 3, .kw = 3, .oh = 8, .ow = 8, .padding = 1},
      {.n = 9, .ci = 3, .h = 9, .w = 7, .co = 20, .kh = 3, .kw = 3, .oh = 5, .ow = 4, .stride = 2, .padding = 1},
      {.n = 1, .ci = 5, .h = 6, .w = 6, .co = 7, .kh = 1, .kw = 1, .oh = 6, .ow = 6},
      // Weights that outweigh activations: the gradient is shared out by output channels.
      {.n = 3, .ci = 40, .h = 4, .w = 4, .co = 128, .kh = 3, .kw = 3, .oh = 4, .ow = 4, .padding = 1},
      {.n = 17, .ci = 12, .h = 5, .w = 5, .co = 8, .kh = 3, .kw = 3, .oh = 5, .ow = 5, .padding = 1, .groups = 4},
      {.n = 3,
       .ci = 18,
       .h = 7,
       .w = 7,
       .co = 18,
       .kh = 3,
       .kw = 3,
       .oh = 7,
       .ow = 7,
       .padding = 2,
       .dilation = 2,
       .groups = 18},
      // So much work that one image by itself is cut into rows; alone, and for comparison with what a batch computes.
      {.n = 1, .ci = 32, .h = 33, .w = 30, .co = 40, .kh = 3, .kw = 3, .oh = 17, .ow = 15, .stride = 2, .padding = 1},
      {.n = 2, .ci = 32, .h = 18, .w = 17, .co = 48, .kh = 3, .kw = 3, .oh = 18, .ow = 17, .padding = 1},
      {.n = 2, .ci = 24, .h = 42, .w = 23, .co = 48, .kh = 3, .kw = 3, .oh = 21, .ow = 12, .stride = 2, .padding = 1},
      {.n = 2, .ci = 16, .h = 30, .w = 20, .co = 32, .kh = 3, .kw = 3, .oh = 30, .ow = 20, .padding = 2, .dilation = 2},
      {.n = 2, .ci = 64, .h = 50, .w = 50, .co = 64, .kh = 1, .kw = 1, .oh = 25, .ow = 25, .stride = 2},
      // Where oneDNN has kernels that are not sound: onednn.cpp avoids them.
      {.n = 2,
       .ci = 1,
       .h = 2,
       .w = 4,
       .co = 48,
       .kh = 2,
       .kw = 2,
       .oh = 3,
       .ow = 1,
       .stride = {1, 3},
       .padding = {1, 0}},
      {.n = 9, .ci = 3, .h = 10, .w = 8, .co = 8, .kh = 1, .kw = 1, .oh = 5, .ow = 4, .stride = 2},
      // Padding beyond the kernel.
      {.n = 1, .ci = 8, .h = 1, .w = 6, .co = 8, .kh = 1, .kw = 3, .oh = 5, .ow = 6, .padding = {2, 1}},
      {.n = 3, .ci = 8, .h = 4, .w = 4, .co = 8, .kh = 1, .kw = 1, .oh = 8, .ow = 8, .padding = 2, .groups = 2},
  };
}

TEST(ConvKernels, ComputeACrossCorrelationByHand) {
  // One image, one channel: [1 2; 3 4; 5 6] with the kernel [10 1] and bias 0.5.
  const ConvShape s{.n = 1, .ci = 1, .h = 3, .w = 2, .co = 1, .kh = 1, .kw = 2, .oh = 3, .ow = 1};
  const Example e{s, {1, 2, 3, 4, 5, 6}, {10, 1}, {1, 100, 10'000}};
  const float bias = 0.5F;
  EXPECT_THAT(e.forward(&bias), ElementsAre(12.5F, 34.5F, 56.5F));
  EXPECT_THAT(e.backward_data(), ElementsAre(10, 1, 1000, 100, 100'000, 10'000));
  EXPECT_THAT(e.backward_weights(), ElementsAre(50'301, 60'402));
}

TEST(ConvKernels, AreAdjointToEachOther) {
  for (const ConvShape& s : shapes()) {
    const Example e{s};
    const std::vector<float> y = e.forward();
    const double scale = std::sqrt(inner(y, y) * inner(e.dy, e.dy)), expected = inner(y, e.dy);
    EXPECT_NEAR(inner(e.x, e.backward_data()), expected, 1e-6 * scale);
    EXPECT_NEAR(inner(e.w, e.backward_weights()), expected, 1e-6 * scale);
  }
}

TEST(ConvKernels, HaveTheSameBitsOnAnyNumberOfThreads) {
  for (const ConvShape& s : shapes()) {
    const Example e{s};
    test::expect_same_values_on_any_number_of_threads([&] { return e.forward(); });
    test::expect_same_values_on_any_number_of_threads([&] { return e.backward_data(); });
    test::expect_same_values_on_any_number_of_threads([&] { return e.backward_weights(); });
  }
}

// Slices of a batch compute what the batch computes: an image's result does not depend on its neighbours.
TEST(ConvKernels, TreatEveryImageAlike) {
  for (ConvShape s : shapes()) {
    const std::vector<float> all = Example{s}.forward();
    const auto images = s.n;
    s.n = 1;
    const Example one{s};  // the same seed: the first image
    std::vector<float> first = one.forward();
    for (std::size_t i = 0; i < first.size(); ++i) ASSERT_NEAR(all[i], first[i], 1e-4) << images;
  }
}

TEST(ConvKernels, SumTheBatchAsOneDnnWouldUpToRounding) {
  for (const ConvShape& s : shapes()) {
    const Example e{s};
    const std::vector<float> fixed = e.backward_weights();
    set_batch_sum(BatchSum::kThreadDependent);
    const std::vector<float> free = e.backward_weights();
    set_batch_sum(BatchSum::kFixedOrder);
    const double rms = std::sqrt(inner(fixed, fixed) / static_cast<double>(fixed.size()));
    for (std::size_t i = 0; i < fixed.size(); ++i) ASSERT_NEAR(fixed[i], free[i], 1e-5 * rms);
    EXPECT_EQ(e.backward_weights(), fixed);
  }
}

TEST(ConvKernels, TakeAnEmptyBatch) {
  ConvShape s = shapes()[0];
  s.n = 0;
  const Example e{s};
  EXPECT_TRUE(e.forward().empty());
  EXPECT_TRUE(e.backward_data().empty());
  EXPECT_THAT(e.backward_weights(), Each(0.0F));
}

TEST(ConvBackwardData, IsZeroWhereNoWindowReads) {
  // Stride beyond the kernel, and two rows after the last window.
  ConvShape s{.n = 2, .ci = 5, .h = 15, .w = 10, .co = 8, .kh = 1, .kw = 1, .oh = 5, .ow = 4, .stride = 3};
  const std::vector<float> w(static_cast<std::size_t>(s.weight_count()), 1.0F);
  const std::vector<float> dy(static_cast<std::size_t>(s.n * s.co * s.oh * s.ow), 1.0F);
  std::vector<float> dx(static_cast<std::size_t>(s.n * s.ci * s.h * s.w), 7.0F);
  conv_backward_data(s, w.data(), dy.data(), dx.data());
  for (std::int64_t i = 0; i < std::ssize(dx); ++i) {
    const std::int64_t column = i / s.ci % s.w, row = i / s.ci / s.w % s.h;
    const bool in_window = row % 3 == 0 && column % 3 == 0;
    EXPECT_EQ(dx[static_cast<std::size_t>(i)], in_window ? 8.0F : 0.0F) << "row " << row << ", column " << column;
  }
}

}  // namespace
}  // namespace octet::kernels
