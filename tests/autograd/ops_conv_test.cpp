// SPDX-License-Identifier: Apache-2.0
// conv2d, conv_transpose2d and linear against the loops of support/reference_conv.h, over the tables of
// support/conv_cases.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "support/conv_cases.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/reference_conv.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::Array64;
using test::check_adjoint;
using test::check_op;
using test::ConvCase;
using test::error_text;
using test::random_tensor;
using test::random_weight;

// Probes that keep the naive reference of a case within a fraction of a second.
test::CheckOptions affordable(const ConvCase& c) {
  constexpr std::int64_t kMultiplications = 10'000'000;
  const auto evaluations = kMultiplications / std::max<std::int64_t>(c.work(), 1);  // two per probe, three inputs
  test::CheckOptions options;
  options.exhaustive = std::clamp<std::int64_t>(evaluations / 6, 0, 128);
  options.elements = static_cast<int>(std::clamp<std::int64_t>(evaluations / 12, 2, 24));
  options.directions = static_cast<int>(std::clamp<std::int64_t>(evaluations / 24, 2, 6));
  return options;
}

std::vector<Tensor> inputs_of(const ConvCase& c, const Shape& weight) {
  Rng rng(11);
  const Tensor x = random_tensor(c.x_shape(), rng), w = random_weight(weight, rng, 0.5F);
  return {x, w, c.bias ? random_tensor({c.out_channels}, rng) : Tensor()};
}

std::string case_name(const testing::TestParamInfo<ConvCase>& info) { return test::name(info.param); }

// ---- conv2d --------------------------------------------------------------------------------------------------------

class Conv2dCases : public testing::TestWithParam<ConvCase> {};

TEST_P(Conv2dCases, AgreesWithTheReference) {
  const ConvCase& c = GetParam();
  EXPECT_TRUE(check_op([&](const auto& in) { return conv2d(in[0], in[1], in[2], c.conv()); },
                       [&](const auto& in) { return test::conv2d_reference(in, c.conv()); },
                       inputs_of(c, c.conv_weight()), affordable(c)));
}

// The transposed convolution of the same weights undoes no stride that did not divide: output_padding makes up for it.
TEST_P(Conv2dCases, IsTheAdjointOfConvTranspose2d) {
  const ConvCase& c = GetParam();
  Rng rng(12);
  const Tensor x = random_tensor(c.x_shape(), rng), w = random_weight(c.conv_weight(), rng);
  const Tensor y = random_tensor(conv2d(x, w, {}, c.conv()).shape(), rng);
  ConvTranspose2dParams back = {c.stride, c.padding, c.dilation, 0, c.groups};
  back.output_padding.h = (c.size.h + 2 * c.padding.h - c.dilation.h * (c.kernel.h - 1) - 1) % c.stride.h;
  back.output_padding.w = (c.size.w + 2 * c.padding.w - c.dilation.w * (c.kernel.w - 1) - 1) % c.stride.w;
  EXPECT_TRUE(check_adjoint([&](const Tensor& v) { return conv2d(v, w, {}, c.conv()); },
                            [&](const Tensor& v) { return conv_transpose2d(v, w, {}, back); }, x, y));
}

INSTANTIATE_TEST_SUITE_P(Table, Conv2dCases, testing::ValuesIn(test::conv2d_cases()), case_name);

// ---- conv_transpose2d ----------------------------------------------------------------------------------------------

class ConvTranspose2dCases : public testing::TestWithParam<ConvCase> {};

TEST_P(ConvTranspose2dCases, AgreesWithTheReference) {
  const ConvCase& c = GetParam();
  EXPECT_TRUE(check_op([&](const auto& in) { return conv_transpose2d(in[0], in[1], in[2], c.transposed()); },
                       [&](const auto& in) { return test::conv_transpose2d_reference(in, c.transposed()); },
                       inputs_of(c, c.transposed_weight()), affordable(c)));
}

TEST_P(ConvTranspose2dCases, ItsGradientIsItsAdjoint) {
  const ConvCase& c = GetParam();
  Rng rng(13);
  const Tensor x = random_tensor(c.x_shape(), rng), w = random_weight(c.transposed_weight(), rng);
  const auto forward = [&](const Tensor& v) { return conv_transpose2d(v, w, {}, c.transposed()); };
  const auto transposed = [&](const Tensor& dy) {
    Tensor leaf = x.clone();
    leaf.set_requires_grad();
    forward(leaf).backward(dy);
    return leaf.grad();
  };
  EXPECT_TRUE(check_adjoint(forward, transposed, x, random_tensor(forward(x).shape(), rng)));
}

INSTANTIATE_TEST_SUITE_P(Table, ConvTranspose2dCases, testing::ValuesIn(test::conv_transpose2d_cases()), case_name);

// ---- threads -------------------------------------------------------------------------------------------------------

class ThreadedConvCases : public testing::TestWithParam<ConvCase> {};

// y and the gradients of x, w and bias.
std::vector<Tensor> all_results(const test::Op& op, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.defined() ? input.clone().set_requires_grad() : Tensor());
  }
  const Tensor y = op(leaves);
  std::vector<Tensor> results = {y.detach()};
  Rng rng(14);
  y.backward(random_tensor(y.shape(), rng));
  for (const Tensor& leaf : leaves) results.push_back(leaf.defined() ? leaf.grad() : Tensor());
  return results;
}

TEST_P(ThreadedConvCases, HaveTheSameBitsOnAnyNumberOfThreads) {
  const ConvCase& c = GetParam();
  const std::vector<Tensor> inputs = inputs_of(c, c.conv_weight());
  test::expect_same_bits_on_any_number_of_threads(
      [&] { return all_results([&](const auto& in) { return conv2d(in[0], in[1], in[2], c.conv()); }, inputs); });
}

TEST_P(ThreadedConvCases, TransposedHaveTheSameBitsOnAnyNumberOfThreads) {
  const ConvCase& c = GetParam();
  const std::vector<Tensor> inputs = inputs_of(c, c.transposed_weight());
  test::expect_same_bits_on_any_number_of_threads([&] {
    return all_results([&](const auto& in) { return conv_transpose2d(in[0], in[1], in[2], c.transposed()); }, inputs);
  });
}

INSTANTIATE_TEST_SUITE_P(Table, ThreadedConvCases, testing::ValuesIn(test::threaded_conv_cases()), case_name);

TEST(Linear, HasTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(15);
  const std::vector<Tensor> inputs = {random_tensor({129, 517}, rng), random_weight({83, 517}, rng),
                                      random_tensor({83}, rng)};
  test::expect_same_bits_on_any_number_of_threads(
      [&] { return all_results([](const auto& in) { return linear(in[0], in[1], in[2]); }, inputs); });
}

// ---- linear --------------------------------------------------------------------------------------------------------

struct LinearCase {
  Shape x;
  std::int64_t out;
  bool bias = true;
};

std::string linear_name(const testing::TestParamInfo<LinearCase>& info) {
  std::string name;
  for (const std::int64_t size : info.param.x) name += std::to_string(size) + "x";
  return name + "to" + std::to_string(info.param.out) + (info.param.bias ? "" : "_nobias");
}

class LinearCases : public testing::TestWithParam<LinearCase> {};

TEST_P(LinearCases, AgreesWithTheReference) {
  const LinearCase& c = GetParam();
  Rng rng(16);
  const Tensor x = random_tensor(c.x, rng), w = random_weight({c.out, c.x.back()}, rng);
  EXPECT_TRUE(check_op([](const auto& in) { return linear(in[0], in[1], in[2]); }, test::linear_reference,
                       {x, w, c.bias ? random_tensor({c.out}, rng) : Tensor()}));
}

INSTANTIATE_TEST_SUITE_P(Table, LinearCases,
                         testing::Values(LinearCase{{5}, 3}, LinearCase{{1}, 1}, LinearCase{{1, 1}, 1, false},
                                         LinearCase{{1, 7}, 10}, LinearCase{{2, 16}, 16}, LinearCase{{3, 17}, 5, false},
                                         LinearCase{{9, 64}, 10}, LinearCase{{17, 33}, 1}, LinearCase{{33, 3}, 130},
                                         LinearCase{{2, 3, 5}, 4}, LinearCase{{4, 1, 19}, 21, false}),
                         linear_name);

// ---- what is refused -----------------------------------------------------------------------------------------------

Tensor weight(const Shape& shape) { return Tensor::zeros(shape, Layout::kRowMajor); }

TEST(Conv2d, RejectsOperandsThatDoNotFit) {
  const Tensor x = Tensor::zeros({8, 32, 56, 56}), w = weight({128, 64, 3, 3});
  const auto message = [](const Tensor& a, const Tensor& b, const Tensor& bias, const Conv2dParams& p) {
    return error_text([&] { conv2d(a, b, bias, p); });
  };
  EXPECT_EQ(message(x, w, {}, {}),
            "conv2d: w expects 64 input channels but x has 32 (x [8, 32, 56, 56], w [128, 64, 3, 3], groups 1)");
  EXPECT_EQ(message(x, weight({9, 16, 3, 3}), {}, {.groups = 2}),
            "conv2d: groups 2 must divide the output channels of w [9, 16, 3, 3]");
  EXPECT_EQ(message(x, weight({8, 32, 3, 3}), Tensor::zeros({9}), {}), "conv2d: bias must have shape [8], got [9]");
  EXPECT_EQ(message(x, weight({8, 32, 3, 30}), {}, {.padding = {0, 1}, .dilation = 2}),
            "conv2d: the window 5x59 (kernel 3x30, dilation 2x2) is larger than the padded input 56x58 (x [8, 32, 56, "
            "56])");
  EXPECT_EQ(message({}, w, {}, {}), "conv2d: x must be defined");
  EXPECT_EQ(message(Tensor::zeros({4, 4}), w, {}, {}), "conv2d: x must be an activation [N, C, H, W] (x [4, 4])");
  EXPECT_EQ(
      message(w, w, {}, {}),
      "conv2d: x must be an activation, which lies channels-last; it is row-major, as weights are (x [128, 64, 3, "
      "3])");
  EXPECT_EQ(message(x, {}, {}, {}), "conv2d: w must be defined");
  EXPECT_EQ(message(x, x, {}, {}), "conv2d: w must be row-major, not an activation (make it with from_values)");
  EXPECT_EQ(message(x, weight({8, 32, 0, 3}), {}, {}), "conv2d: w [8, 32, 0, 3] is empty");
}

TEST(Conv2d, RejectsOptionsOutOfRange) {
  const Tensor x = Tensor::zeros({1, 4, 5, 5}), w = weight({4, 4, 3, 3});
  const auto message = [&](const Conv2dParams& p) { return error_text([&] { conv2d(x, w, {}, p); }); };
  EXPECT_EQ(message({.stride = {1, 0}}), "conv2d: stride must be at least 1 (stride 1x0)");
  EXPECT_EQ(message({.padding = {-1, 0}}), "conv2d: padding must be at least 0 (padding -1x0)");
  EXPECT_EQ(message({.dilation = 0}), "conv2d: dilation must be at least 1 (dilation 0x0)");
  EXPECT_EQ(message({.groups = 0}), "conv2d: groups must be from 1 to 16777216 (groups 0)");

  constexpr std::int64_t kHuge = std::int64_t{1} << 62;  // sizes computed with it would overflow
  const std::string suffix = " must be at most 16777216 (";
  EXPECT_EQ(message({.stride = {1, kHuge}}), "conv2d: stride" + suffix + "stride 1x4611686018427387904)");
  EXPECT_EQ(message({.padding = {16777217, 0}}), "conv2d: padding" + suffix + "padding 16777217x0)");
  EXPECT_EQ(message({.dilation = {kHuge, 1}}), "conv2d: dilation" + suffix + "dilation 4611686018427387904x1)");
  EXPECT_EQ(message({.groups = kHuge}), "conv2d: groups must be from 1 to 16777216 (groups 4611686018427387904)");
}

TEST(ConvTranspose2d, RejectsWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({2, 6, 4, 4});
  const auto message = [&](const Tensor& w, const Tensor& bias, const ConvTranspose2dParams& p) {
    return error_text([&] { conv_transpose2d(x, w, bias, p); });
  };
  EXPECT_EQ(message(weight({5, 3, 3, 3}), {}, {}),
            "conv_transpose2d: w expects 5 input channels but x has 6 (x [2, 6, 4, 4], w [5, 3, 3, 3])");
  EXPECT_EQ(message(weight({6, 3, 3, 3}), {}, {.groups = 4}),
            "conv_transpose2d: groups 4 must divide the input channels of x [2, 6, 4, 4]");
  EXPECT_EQ(message(weight({6, 3, 3, 3}), Tensor::zeros({3}), {.groups = 2}),
            "conv_transpose2d: bias must have shape [6], got [3]");
  EXPECT_EQ(message(weight({6, 3, 3, 3}), {}, {.stride = 2, .dilation = {1, 3}, .output_padding = {2, 2}}),
            "conv_transpose2d: output_padding must be smaller than stride or dilation, got output_padding 2x2, stride "
            "2x2, dilation 1x3");
  EXPECT_EQ(message(weight({6, 3, 3, 3}), {}, {.padding = {3, 0}}),
            "conv_transpose2d: the output would be 0x6 (x [2, 6, 4, 4], w [6, 3, 3, 3], padding 3x0)");
  EXPECT_EQ(message(weight({6, 3, 3, 3}), {}, {.stride = 0}),
            "conv_transpose2d: stride must be at least 1 (stride 0x0)");
}

TEST(Linear, RejectsWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({4, 8}), w = Tensor::zeros({3, 7});
  EXPECT_EQ(error_text([&] { linear(x, w, {}); }), "linear: w [3, 7] expects x [..., 7], got [4, 8]");
  EXPECT_EQ(error_text([&] { linear(x, Tensor::zeros({8}), {}); }), "linear: w must be [out, in], got [8]");
  EXPECT_EQ(error_text([&] { linear(Tensor::scalar(1), w, {}); }), "linear: w [3, 7] expects x [..., 7], got []");
  EXPECT_EQ(error_text([&] {
              linear(Tensor::zeros({2, 7}), w, Tensor::zeros({7}));
            }),
            "linear: bias must have shape [3], got [7]");
  EXPECT_EQ(error_text([&] {
              linear(Tensor::zeros({2, 3, 4, 7}), w, {});
            }),
            "linear: x [2, 3, 4, 7] is an activation; flatten() or reshape() it first");
}

// ---- empty batches -------------------------------------------------------------------------------------------------

TEST(Conv2d, TakesAnEmptyBatch) {
  const Tensor x = Tensor::zeros({0, 3, 5, 5});
  Tensor w = weight({4, 3, 3, 3}).set_requires_grad(), bias = Tensor::zeros({4}).set_requires_grad();
  const Tensor y = conv2d(x, w, bias, {});
  EXPECT_EQ(y.shape(), (Shape{0, 4, 3, 3}));
  y.backward(Tensor::zeros(y.shape()));
  EXPECT_TRUE(test::same_bits(w.grad(), weight(w.shape())));
  EXPECT_TRUE(test::same_bits(bias.grad(), Tensor::zeros({4})));
}

// Rows of zeros below the image do what end_padding does.
TEST(Conv2d, PadsTheEndOfTheImageAlone) {
  Rng rng(11);
  const Tensor x = test::random_tensor({2, 3, 7, 6}, rng), w = test::random_weight({4, 3, 3, 3}, rng);
  const auto run = [&](bool by_hand) {
    Tensor image = x.clone().set_requires_grad(), weight = w.clone().set_requires_grad();
    const Tensor rows[] = {image, Tensor::zeros({2, 3, 2, 6})};
    const Tensor y = by_hand ? conv2d(cat(rows, 2), weight, {}, {.stride = 2})
                             : conv2d(image, weight, {}, {.stride = 2, .end_padding = Size2(2, 0)});
    sum(y * y).backward();
    return std::vector<Tensor>{y.detach(), image.grad(), weight.grad()};
  };
  const std::vector<Tensor> padded = run(false), by_hand = run(true);
  for (std::size_t i = 0; i < padded.size(); ++i)
    EXPECT_THAT(padded[i].to_vector(), testing::Pointwise(testing::FloatNear(1e-4F), by_hand[i].to_vector())) << i;
}

}  // namespace
}  // namespace octet
