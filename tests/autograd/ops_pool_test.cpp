// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/pytorch_values.h"
#include "support/reference_pool.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::check_adjoint;
using test::check_op;
using test::error_text;
using test::random_tensor;

// Random values of which no two are closer than 1/16: a step of the numeric derivative changes no maximum.
Tensor distinct_tensor(const Shape& shape, Rng& rng) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t j = rng.below(static_cast<std::uint32_t>(i + 1));
    values[i] = values[j];
    values[j] = static_cast<float>(i) / 16.0F;
  }
  return Tensor::from_nchw(shape, values);
}

// The backward pass of `op` at x, as a function of dy.
template <typename Op>
auto gradient_of(const Op& op, const Shape& x) {
  return [&op, x](const Tensor& dy) {
    Tensor leaf = Tensor::zeros(x).set_requires_grad();
    op(leaf).backward(dy);
    return leaf.grad();
  };
}

// ---- maximum -------------------------------------------------------------------------------------------------------

struct MaxCase {
  Shape x;
  MaxPool2dParams params;
};

const std::vector<MaxCase> kMaxCases = {
    {{2, 3, 7, 7}, {.kernel_size = 2}},
    {{1, 64, 6, 6}, {.kernel_size = 3, .stride = 2, .padding = 1}},
    {{2, 70, 5, 7}, {.kernel_size = 3, .stride = 1, .padding = 1}},
    {{2, 16, 9, 8}, {.kernel_size = {2, 3}, .stride = Size2(1, 2), .padding = {1, 0}}},
    {{1, 5, 9, 9}, {.kernel_size = 3, .stride = 2, .padding = 1, .dilation = 2}},
    {{1, 2, 8, 10}, {.kernel_size = {3, 2}, .stride = 1, .padding = {0, 1}, .dilation = {1, 4}}},
    {{3, 1, 5, 6}, {.kernel_size = 2, .stride = 3, .ceil_mode = true}},
    {{1, 4, 6, 6}, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true}},
    {{1, 33, 2, 2}, {.kernel_size = 3, .stride = 2, .ceil_mode = true}},
    {{1, 3, 1, 1}, {.kernel_size = 1}},
    {{1, 2, 20, 21}, {.kernel_size = 17, .stride = 2, .padding = 3}},
    {{4, 8, 4, 4}, {.kernel_size = 4}},
};

TEST(MaxPool2d, AgreesWithTheReference) {
  Rng rng(31);
  for (const MaxCase& c : kMaxCases)
    EXPECT_TRUE(check_op([&](const auto& in) { return max_pool2d(in[0], c.params); },
                         [&](const auto& in) { return test::max_pool2d_reference(in[0], c.params); },
                         {distinct_tensor(c.x, rng)}))
        << text(c.x, " kernel ", c.params.kernel_size);
}

TEST(MaxPool2d, AgreesWithPyTorch) {
  for (const auto& c : test::pytorch_cases("max_pool2d")) {
    Tensor x = test::tensor_from(c.at("x")).set_requires_grad();
    const Tensor y = max_pool2d(x, {.kernel_size = c.at("kernel_size").get<std::int64_t>(),
                                    .stride = c.at("stride").get<std::int64_t>(),
                                    .padding = c.at("padding").get<std::int64_t>(),
                                    .dilation = c.at("dilation").get<std::int64_t>(),
                                    .ceil_mode = c.at("ceil_mode").get<bool>()});
    ASSERT_TRUE(test::near(y, c.at("y"), 0.0)) << c.dump().substr(0, 100);
    y.backward(test::tensor_from(c.at("dy")));
    EXPECT_TRUE(test::near(x.grad(), c.at("dx"))) << c.dump().substr(0, 100);
  }
}

TEST(MaxPool2d, GivesTheGradientOfATieToTheFirstElement) {
  Tensor x = Tensor::full({1, 2, 2, 2}, 5.0F).set_requires_grad();
  sum(max_pool2d(x, {.kernel_size = 2})).backward();
  EXPECT_EQ(x.grad().to_nchw(), (std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(MaxPool2d, GivesTheGradientOfAnInfinitelyLowWindowToAnElementOfTheImage) {
  Tensor x = Tensor::full({1, 1, 2, 2}, -std::numeric_limits<float>::infinity()).set_requires_grad();
  max_pool2d(x, {.kernel_size = 2, .padding = 1}).backward(Tensor::full({1, 1, 2, 2}, 1.0F));
  EXPECT_EQ(x.grad().to_nchw(), (std::vector<float>{1, 1, 1, 1}));
}

TEST(MaxPool2d, PropagatesNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t at = 0; at < 4; ++at) {
    std::vector<float> values = {1, 2, 3, 4};
    values[at] = nan;
    Tensor x = Tensor::from_nchw({1, 1, 2, 2}, values).set_requires_grad();
    const Tensor y = max_pool2d(x, {.kernel_size = 2});
    EXPECT_TRUE(std::isnan(y.item())) << at;
    sum(y).backward();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(x.grad().values()[i], i == at ? 1.0F : 0.0F) << at;
  }
}

TEST(MaxPool2d, ComputesTheSameWithoutATape) {
  Rng rng(32);
  for (const MaxCase& c : kMaxCases) {
    Tensor x = random_tensor(c.x, rng).set_requires_grad();
    const Tensor with = max_pool2d(x, c.params);
    const NoGrad no_grad;
    EXPECT_TRUE(test::same_bits(max_pool2d(x, c.params), with));
  }
}

TEST(MaxPool2d, HasTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(33);
  const Tensor x = random_tensor({5, 20, 23, 21}, rng), dy = random_tensor({5, 20, 12, 11}, rng);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Tensor leaf = x.clone().set_requires_grad();
    const Tensor y = max_pool2d(leaf, {.kernel_size = 3, .stride = 2, .padding = 1});
    y.backward(dy);
    return std::vector<Tensor>{y.detach(), leaf.grad()};
  });
}

TEST(MaxPool2d, ShowsItsOptionsToATrace) {
  const Tensor x = Tensor::zeros({1, 1, 6, 6});
  TraceRecorder recorder(std::span(&x, 1), {});
  const Tensor y = max_pool2d(x, {.kernel_size = {2, 3}, .padding = {1, 0}});
  const Attributes attributes = recorder.finish(std::span(&y, 1)).nodes.at(0).attributes;
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(std::get<List>(attributes.at("kernel_size")), (List{2, 3}));
  EXPECT_EQ(std::get<List>(attributes.at("stride")), (List{2, 3}));
  EXPECT_EQ(std::get<List>(attributes.at("padding")), (List{1, 0}));
  EXPECT_EQ(std::get<List>(attributes.at("dilation")), (List{1, 1}));
  EXPECT_EQ(std::get<bool>(attributes.at("ceil_mode")), false);
}

TEST(MaxPool2d, RejectsOptionsThatDoNotFit) {
  const Tensor image = Tensor::zeros({1, 1, 4, 4});
  const auto message = [](const Tensor& x, const MaxPool2dParams& p) { return error_text([&] { max_pool2d(x, p); }); };
  EXPECT_EQ(message(Tensor(), {.kernel_size = 2}), "max_pool2d: x must be defined");
  EXPECT_EQ(message(Tensor::zeros({4, 4}), {.kernel_size = 2}),
            "max_pool2d: x must be an activation [N, C, H, W] (x [4, 4])");
  EXPECT_EQ(
      message(Tensor::zeros({1, 1, 4, 4}, Layout::kRowMajor), {.kernel_size = 2}),
      "max_pool2d: x must be an activation, which lies channels-last; it is row-major, as weights are (x [1, 1, 4, "
      "4])");
  EXPECT_EQ(message(image, {.kernel_size = {0, 2}}), "max_pool2d: kernel_size must be at least 1 (kernel_size 0x2)");
  EXPECT_EQ(message(image, {.kernel_size = 2, .stride = 0}), "max_pool2d: stride must be at least 1 (stride 0x0)");
  EXPECT_EQ(message(image, {.kernel_size = 2, .dilation = {1, -1}}),
            "max_pool2d: dilation must be at least 1 (dilation 1x-1)");
  EXPECT_EQ(message(image, {.kernel_size = 3, .padding = {1, 2}}),
            "max_pool2d: padding must be at most half the kernel_size (padding 1x2, kernel_size 3x3)");
  EXPECT_EQ(message(image, {.kernel_size = 3, .padding = {-1, 1}}),
            "max_pool2d: padding must be at least 0 (padding -1x1)");
  EXPECT_EQ(
      message(image, {.kernel_size = {2, 5}}),
      "max_pool2d: the window does not fit into the image (x [1, 1, 4, 4], kernel_size 2x5, padding 0x0, dilation "
      "1x1)");
  EXPECT_EQ(message(image, {.kernel_size = 2, .padding = 1, .dilation = 5}),
            "max_pool2d: with this dilation a window sees padding only (x [1, 1, 4, 4], kernel_size 2x2, padding 1x1, "
            "dilation 5x5)");
  EXPECT_EQ(message(image, {.kernel_size = {2, 16777217}}),
            "max_pool2d: kernel_size must be at most 16777216 (kernel_size 2x16777217)");
  EXPECT_EQ(message(image, {.kernel_size = 2, .stride = Size2(1, 16777217)}),
            "max_pool2d: stride must be at most 16777216 (stride 1x16777217)");
  EXPECT_EQ(message(image, {.kernel_size = 65536, .stride = 1, .padding = 32768}),
            "max_pool2d: kernel_size must hold less than 2^31 elements (kernel_size 65536x65536)");
}

// ---- average -------------------------------------------------------------------------------------------------------

struct AvgCase {
  Shape x;
  AvgPool2dParams params;
};

const std::vector<AvgCase> kAvgCases = {
    {{2, 3, 6, 6}, {.kernel_size = 2}},
    {{2, 64, 5, 7}, {.kernel_size = 3, .stride = 2, .padding = 1}},
    {{1, 70, 5, 5}, {.kernel_size = 3, .stride = 1, .padding = 1, .count_include_pad = false}},
    {{1, 133, 4, 4}, {.kernel_size = 4}},
    {{3, 16, 7, 6}, {.kernel_size = {2, 3}, .stride = Size2(2, 1), .padding = {0, 1}}},
    {{1, 2, 6, 7}, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true}},
    {{1, 2, 6, 7}, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false}},
    {{1, 1, 2, 2}, {.kernel_size = 3, .stride = 2, .ceil_mode = true}},
    {{1, 3, 8, 9}, {.kernel_size = 2, .stride = 4}},
};

TEST(AvgPool2d, AgreesWithTheReference) {
  Rng rng(34);
  for (const AvgCase& c : kAvgCases)
    EXPECT_TRUE(check_op([&](const auto& in) { return avg_pool2d(in[0], c.params); },
                         [&](const auto& in) { return test::avg_pool2d_reference(in[0], c.params); },
                         {random_tensor(c.x, rng)}))
        << text(c.x, " kernel ", c.params.kernel_size);
}

TEST(AvgPool2d, ItsGradientIsItsAdjoint) {
  Rng rng(35);
  for (const AvgCase& c : kAvgCases) {
    const auto op = [&](const Tensor& x) { return avg_pool2d(x, c.params); };
    const Tensor x = random_tensor(c.x, rng);
    EXPECT_TRUE(check_adjoint(op, gradient_of(op, c.x), x, random_tensor(op(x).shape(), rng))) << text(c.x);
  }
}

TEST(AvgPool2d, AgreesWithPyTorch) {
  for (const auto& c : test::pytorch_cases("avg_pool2d")) {
    Tensor x = test::tensor_from(c.at("x")).set_requires_grad();
    const Tensor y = avg_pool2d(x, {.kernel_size = c.at("kernel_size").get<std::int64_t>(),
                                    .stride = c.at("stride").get<std::int64_t>(),
                                    .padding = c.at("padding").get<std::int64_t>(),
                                    .ceil_mode = c.at("ceil_mode").get<bool>(),
                                    .count_include_pad = c.at("count_include_pad").get<bool>()});
    ASSERT_TRUE(test::near(y, c.at("y"))) << c.dump().substr(0, 100);
    y.backward(test::tensor_from(c.at("dy")));
    EXPECT_TRUE(test::near(x.grad(), c.at("dx"))) << c.dump().substr(0, 100);
  }
}

TEST(AvgPool2d, KeepsItsPrecisionOverLargeWindows) {
  Rng rng(36);
  const Tensor x = random_tensor({1, 3, 200, 200}, rng, 100.0F);
  const test::Array64 y = test::avg_pool2d_reference(test::to_array64(x), {.kernel_size = 200});
  const Tensor ours = avg_pool2d(x, {.kernel_size = 200});
  for (std::int64_t c = 0; c < 3; ++c)
    EXPECT_NEAR(static_cast<double>(ours.values()[static_cast<std::size_t>(c)]), y[c], 1e-6 * 100);
}

TEST(AvgPool2d, RejectsOptionsThatDoNotFit) {
  const Tensor image = Tensor::zeros({1, 1, 4, 4});
  EXPECT_EQ(error_text([] { avg_pool2d(Tensor::zeros({4}), {.kernel_size = 2}); }),
            "avg_pool2d: x must be an activation [N, C, H, W] (x [4])");
  EXPECT_EQ(error_text([&] { avg_pool2d(image, {.kernel_size = 2, .padding = 2}); }),
            "avg_pool2d: padding must be at most half the kernel_size (padding 2x2, kernel_size 2x2)");
  EXPECT_EQ(
      error_text([&] { avg_pool2d(image, {.kernel_size = 7, .padding = 1}); }),
      "avg_pool2d: the window does not fit into the image (x [1, 1, 4, 4], kernel_size 7x7, padding 1x1, dilation "
      "1x1)");
}

struct AdaptiveCase {
  Shape x;
  Size2 out;
};

const std::vector<AdaptiveCase> kAdaptiveCases = {
    {{2, 64, 8, 8}, 1}, {{3, 7, 7, 7}, {3, 3}}, {{1, 20, 5, 7}, {3, 2}}, {{1, 2, 3, 2}, {5, 4}},
    {{2, 3, 1, 1}, 1},  {{1, 80, 6, 6}, 6},     {{1, 17, 10, 3}, {4, 3}}};

TEST(AdaptiveAvgPool2d, AgreesWithTheReference) {
  Rng rng(37);
  for (const AdaptiveCase& c : kAdaptiveCases)
    EXPECT_TRUE(check_op([&](const auto& in) { return adaptive_avg_pool2d(in[0], c.out); },
                         [&](const auto& in) { return test::adaptive_avg_pool2d_reference(in[0], c.out); },
                         {random_tensor(c.x, rng)}))
        << text(c.x, " to ", c.out);
}

TEST(AdaptiveAvgPool2d, ItsGradientIsItsAdjoint) {
  Rng rng(38);
  for (const AdaptiveCase& c : kAdaptiveCases) {
    const auto op = [&](const Tensor& x) { return adaptive_avg_pool2d(x, c.out); };
    const Tensor x = random_tensor(c.x, rng);
    EXPECT_TRUE(check_adjoint(op, gradient_of(op, c.x), x, random_tensor(op(x).shape(), rng))) << text(c.x);
  }
}

TEST(AdaptiveAvgPool2d, AgreesWithPyTorch) {
  for (const auto& c : test::pytorch_cases("adaptive_avg_pool2d")) {
    Tensor x = test::tensor_from(c.at("x")).set_requires_grad();
    const auto& size = c.at("output_size");
    const Tensor y = adaptive_avg_pool2d(x, {size[0].get<std::int64_t>(), size[1].get<std::int64_t>()});
    ASSERT_TRUE(test::near(y, c.at("y")));
    y.backward(test::tensor_from(c.at("dy")));
    EXPECT_TRUE(test::near(x.grad(), c.at("dx")));
  }
}

TEST(AveragePools, HaveTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(39);
  const Tensor x = random_tensor({9, 70, 15, 13}, rng), dy = random_tensor({9, 70, 1, 1}, rng);
  test::expect_same_bits_on_any_number_of_threads([&] {
    Tensor leaf = x.clone().set_requires_grad();
    const Tensor y = adaptive_avg_pool2d(avg_pool2d(leaf, {.kernel_size = 3, .stride = 2, .padding = 1}), 1);
    y.backward(dy);
    return std::vector<Tensor>{y.detach(), leaf.grad()};
  });
}

TEST(AdaptiveAvgPool2d, RejectsEmptySizes) {
  EXPECT_EQ(error_text([] {
              adaptive_avg_pool2d(Tensor::zeros({1, 1, 4, 4}), {0, 1});
            }),
            "adaptive_avg_pool2d: output_size must be at least 1 (output_size 0x1)");
  EXPECT_EQ(error_text([] {
              adaptive_avg_pool2d(Tensor::zeros({1, 1, 0, 4}), 1);
            }),
            "adaptive_avg_pool2d: the image must not be empty (x [1, 1, 0, 4])");
  EXPECT_EQ(error_text([] {
              adaptive_avg_pool2d(Tensor::zeros({1, 1, 4, 4}), {1, std::int64_t{1} << 40});
            }),
            "adaptive_avg_pool2d: output_size must be at most 16777216 (output_size 1x1099511627776)");
  EXPECT_EQ(error_text([] { adaptive_avg_pool2d(Tensor(), 1); }), "adaptive_avg_pool2d: x must be defined");
}

// Rows of zeros below an image of positive values do what end_padding does.
TEST(Pools, PadTheEndOfTheImageAlone) {
  Rng rng(12);
  Tensor x = Tensor::empty({2, 3, 7, 6});
  for (float& value : x.mutable_values()) value = rng.uniform(0.1F, 1.0F);
  const Tensor below = Tensor::zeros({2, 3, 1, 6});
  for (const bool largest : {false, true}) {
    const auto run = [&](bool by_hand) {
      Tensor image = x.clone().set_requires_grad();
      const Tensor rows[] = {image, below};
      const Tensor from = by_hand ? cat(rows, 2) : image;
      const OptionalSize2 end = by_hand ? OptionalSize2() : OptionalSize2(1, 0);
      const Tensor y = largest ? max_pool2d(from, {.kernel_size = 2, .end_padding = end})
                               : avg_pool2d(from, {.kernel_size = 2, .end_padding = end});
      sum(y * y).backward();
      return std::vector<Tensor>{y.detach(), image.grad()};
    };
    const std::vector<Tensor> padded = run(false), by_hand = run(true);
    for (std::size_t i = 0; i < padded.size(); ++i)
      EXPECT_THAT(padded[i].to_vector(), testing::Pointwise(testing::FloatNear(1e-4F), by_hand[i].to_vector()))
          << largest << i;
  }
}

}  // namespace
}  // namespace octet
