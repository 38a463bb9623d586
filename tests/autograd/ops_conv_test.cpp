// SPDX-License-Identifier: Apache-2.0
// conv2d, conv_transpose2d, linear and pad2d against the loops of support/reference_conv.h, over the tables of
// support/conv_cases.h.
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
  constexpr std::int64_t kMultiplications = 30'000'000;
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

// ---- pad2d ---------------------------------------------------------------------------------------------------------

struct PadCase {
  Shape x;
  Size2 padding;
  PaddingMode mode;
};

class PadCases : public testing::TestWithParam<PadCase> {};

TEST_P(PadCases, AgreesWithTheReference) {
  const PadCase& c = GetParam();
  Rng rng(17);
  EXPECT_TRUE(check_op([&](const auto& in) { return pad2d(in[0], c.padding, c.mode); },
                       [&](const auto& in) { return test::pad2d_reference(in[0], c.padding, c.mode); },
                       {random_tensor(c.x, rng)}));
}

TEST_P(PadCases, ComposesWithAConvolution) {
  const PadCase& c = GetParam();
  Rng rng(18);
  const Conv2dParams conv = {.stride = 2};
  EXPECT_TRUE(
      check_op([&](const auto& in) { return conv2d(pad2d(in[0], c.padding, c.mode), in[1], in[2], conv); },
               [&](const auto& in) {
                 return test::conv2d_reference({test::pad2d_reference(in[0], c.padding, c.mode), in[1], in[2]}, conv);
               },
               {random_tensor(c.x, rng), random_weight({4, c.x[1], 2, 3}, rng), random_tensor({4}, rng)}));
}

constexpr const char* kModeNames[] = {"zeros", "reflect", "replicate", "circular"};

std::vector<PadCase> pad_cases() {
  std::vector<PadCase> cases;
  for (const PaddingMode mode :
       {PaddingMode::kZeros, PaddingMode::kReflect, PaddingMode::kReplicate, PaddingMode::kCircular}) {
    cases.push_back({{2, 3, 5, 5}, 1, mode});
    cases.push_back({{1, 17, 4, 7}, {3, 2}, mode});
    cases.push_back({{3, 1, 6, 3}, {0, 2}, mode});
    cases.push_back({{2, 2, 3, 4}, 0, mode});
  }
  cases.push_back({{1, 2, 3, 5}, {3, 5}, PaddingMode::kCircular});  // as far as circular goes
  cases.push_back({{1, 2, 1, 2}, {4, 3}, PaddingMode::kReplicate});
  cases.push_back({{1, 2, 1, 2}, {4, 3}, PaddingMode::kZeros});
  return cases;
}

std::string pad_name(const testing::TestParamInfo<PadCase>& info) {
  const PadCase& c = info.param;
  return text(kModeNames[static_cast<int>(c.mode)], '_', c.x[0], 'x', c.x[1], 'x', c.x[2], 'x', c.x[3], "_p",
              c.padding);
}

INSTANTIATE_TEST_SUITE_P(Table, PadCases, testing::ValuesIn(pad_cases()), pad_name);

}  // namespace
}  // namespace octet
