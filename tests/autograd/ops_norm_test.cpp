// SPDX-License-Identifier: Apache-2.0
// batch_norm alone; what it becomes together with add and relu is in ops_fused_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/reference_norm.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::Array64;
using test::check_op;
using test::error_text;
using test::random_tensor;
using test::to_array64;

constexpr double kEps = 1e-5F;  // the default as float has it

Tensor positive(const Shape& shape, Rng& rng) {
  Tensor t = Tensor::empty(shape);
  for (float& v : t.mutable_values()) v = rng.uniform(0.5F, 2.0F);
  return t;
}

struct NormCase {
  Shape x;
  bool gamma = true, beta = true;
};

class NormCases : public testing::TestWithParam<NormCase> {
 protected:
  Rng rng_{21};
  const Shape channels_ = {GetParam().x[1]};
  const std::vector<Tensor> inputs_ = {random_tensor(GetParam().x, rng_, 0.7F, 1.5F),
                                       GetParam().gamma ? random_tensor(channels_, rng_, 1.0F, 0.5F) : Tensor(),
                                       GetParam().beta ? random_tensor(channels_, rng_) : Tensor()};
};

TEST_P(NormCases, TrainingAgreesWithTheReference) {
  EXPECT_TRUE(check_op([](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, {.training = true}); },
                       [](const auto& in) { return test::batch_norm_train_reference(in, kEps); }, inputs_));
}

TEST_P(NormCases, EvaluationAgreesWithTheReference) {
  const Tensor mean = random_tensor(channels_, rng_), variance = positive(channels_, rng_);
  const Array64 mean64 = to_array64(mean), variance64 = to_array64(variance);
  EXPECT_TRUE(check_op([&](const auto& in) { return batch_norm(in[0], in[1], in[2], mean, variance, {}); },
                       [&](const auto& in) { return test::batch_norm_eval_reference(in, mean64, variance64, kEps); },
                       inputs_));
  EXPECT_TRUE(test::same_bits(mean, test::to_tensor(mean64)));
  EXPECT_TRUE(test::same_bits(variance, test::to_tensor(variance64)));
}

TEST_P(NormCases, EvaluationWithoutRunningStatisticsUsesThoseOfTheBatch) {
  EXPECT_TRUE(check_op([](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, {.eps = 0.1F}); },
                       [](const auto& in) { return test::batch_norm_train_reference(in, 0.1F); }, inputs_));
}

// running = 0.9 running + 0.1 batch, with the unbiased variance, as torch.nn.BatchNorm2d does it.
TEST_P(NormCases, TrainingMovesTheRunningStatistics) {
  Tensor mean = random_tensor(channels_, rng_), variance = positive(channels_, rng_);
  Array64 mean64 = to_array64(mean), variance64 = to_array64(variance);
  for (int step = 0; step < 3; ++step) {
    const Tensor x = random_tensor(GetParam().x, rng_, 0.7F, 1.5F);
    batch_norm(x, inputs_[1], inputs_[2], mean, variance, {.training = true});
    const std::vector<test::Moments64> batch = test::moments_reference(to_array64(x));
    for (std::size_t c = 0; c < batch.size(); ++c) {
      const auto n = static_cast<double>(batch[c].count);
      mean64.values[c] = 0.9 * mean64.values[c] + 0.1 * batch[c].mean;
      variance64.values[c] = 0.9 * variance64.values[c] + 0.1 * batch[c].variance * n / (n - 1);
    }
  }
  for (std::size_t c = 0; c < mean64.values.size(); ++c) {
    EXPECT_NEAR(mean.values()[c], mean64.values[c], 1e-6);
    EXPECT_NEAR(variance.values()[c], variance64.values[c], 1e-6 * variance64.values[c] + 1e-6);
  }
}

std::string norm_name(const testing::TestParamInfo<NormCase>& info) {
  std::string name;
  for (const std::int64_t size : info.param.x) name += (name.empty() ? "" : "x") + std::to_string(size);
  return name + (info.param.gamma ? "_gamma" : "") + (info.param.beta ? "_beta" : "");
}

INSTANTIATE_TEST_SUITE_P(Table, NormCases,
                         testing::Values(NormCase{{2, 3, 4, 5}}, NormCase{{2, 3, 4, 5}, false, false},
                                         NormCase{{3, 5, 3, 3}, true, false}, NormCase{{3, 5, 3, 3}, false, true},
                                         NormCase{{1, 1, 3, 5}}, NormCase{{9, 1, 1, 1}}, NormCase{{1, 130, 2, 3}},
                                         NormCase{{2, 16, 5, 5}}, NormCase{{5, 17, 3, 2}}, NormCase{{3, 33, 4, 4}},
                                         NormCase{{4, 64, 3, 3}}, NormCase{{2, 100, 7, 3}}, NormCase{{17, 32, 9, 9}},
                                         NormCase{{7, 3}}, NormCase{{6, 17}, false, false}, NormCase{{33, 64}},
                                         NormCase{{8, 130}}, NormCase{{300, 1}}),
                         norm_name);

// ---- accuracy where sums cancel ------------------------------------------------------------------------------------

// The variance is a billionth of what a sum of plain squares would hold: nothing of it would be left in float.
TEST(BatchNorm, IsAccurateForALargeMean) {
  Rng rng(22);
  const Tensor x = random_tensor({8, 17, 12, 12}, rng, 1000.0F, 1.0F);
  Tensor mean = Tensor::zeros({17}), variance = Tensor::zeros({17});
  const Tensor gamma = positive({17}, rng), beta = random_tensor({17}, rng);
  // The mean as a float is off by up to 3e-5 standard deviations: that, and no more, shows in the values.
  EXPECT_TRUE(check_op(
      [&](const auto& in) {
        return batch_norm(in[0], in[1], in[2], mean, variance, {.momentum = 1, .training = true});
      },
      [](const auto& in) { return test::batch_norm_train_reference(in, kEps); }, {x, gamma, beta},
      {.value_tolerance = 3e-5, .gradient_tolerance = 1e-4, .elements = 6, .directions = 3}));
  const std::vector<test::Moments64> expected = test::moments_reference(to_array64(x));
  for (std::size_t c = 0; c < 17; ++c) {
    EXPECT_NEAR(mean.values()[c], expected[c].mean, 5e-5);
    EXPECT_NEAR(variance.values()[c], expected[c].variance * 1152 / 1151, 1e-6);
  }
}

TEST(BatchNorm, IsAccurateForATinyVariance) {
  Rng rng(23);
  EXPECT_TRUE(
      check_op([](const auto& in) { return batch_norm(in[0], {}, {}, {}, {}, {.eps = 1e-8F, .training = true}); },
               [](const auto& in) {
                 return test::batch_norm_train_reference({in[0], {}, {}}, 1e-8F);
               },
               {random_tensor({8, 5, 4, 4}, rng, 0.0F, 1e-3F)}));
}

TEST(BatchNorm, OfAConstantChannelIsBeta) {
  const Tensor x = Tensor::full({4, 3, 5, 5}, 123.456F), beta = Tensor::full({3}, 0.25F);
  const Tensor y = batch_norm(x, {}, beta, {}, {}, {.training = true});
  for (const float v : y.values()) EXPECT_EQ(v, 0.25F);
}

// ---- threads, NoGrad -----------------------------------------------------------------------------------------------

TEST(BatchNorm, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const Shape& shape : {Shape{17, 33, 31, 31}, Shape{8, 64, 28, 28}, Shape{513, 130}}) {
    Rng rng(24);
    const Tensor x = random_tensor(shape, rng), dy = random_tensor(shape, rng);
    test::expect_same_bits_on_any_number_of_threads([&] {
      const Shape channels = {shape[1]};
      Tensor leaf = x.clone().set_requires_grad(), gamma = Tensor::full(channels, 2.0F).set_requires_grad();
      Tensor beta = Tensor::zeros(channels).set_requires_grad(), mean = Tensor::zeros(channels),
             variance = Tensor::zeros(channels);
      const Tensor y = batch_norm(leaf, gamma, beta, mean, variance, {.training = true});
      y.backward(dy);
      return std::vector<Tensor>{y.detach(), leaf.grad(), gamma.grad(), beta.grad(), mean, variance};
    });
  }
}

TEST(BatchNorm, ComputesTheSameWithoutTheTape) {
  Rng rng(25);
  const Tensor x = random_tensor({3, 17, 5, 5}, rng);
  Tensor leaf = x.clone().set_requires_grad();
  const Tensor taped = batch_norm(leaf, {}, {}, {}, {}, {.training = true});
  const NoGrad no_grad;
  const Tensor untaped = batch_norm(leaf, {}, {}, {}, {}, {.training = true});
  EXPECT_FALSE(untaped.requires_grad());
  EXPECT_TRUE(test::same_bits(untaped, taped.detach()));
}

// ---- what is refused -----------------------------------------------------------------------------------------------

TEST(BatchNorm, RejectsOneValuePerChannelInTraining) {
  const std::string message = "batch_norm: training needs more than one value per channel, got x ";
  EXPECT_EQ(error_text([] {
              batch_norm(Tensor::zeros({1, 4, 1, 1}), {}, {}, {}, {}, {.training = true});
            }),
            message + "[1, 4, 1, 1]");
  EXPECT_EQ(error_text([] {
              batch_norm(Tensor::zeros({1, 4}), {}, {}, {}, {}, {.training = true});
            }),
            message + "[1, 4]");
  EXPECT_EQ(error_text([] {
              batch_norm(Tensor::zeros({0, 4, 2, 2}), {}, {}, {}, {}, {.training = true});
            }),
            message + "[0, 4, 2, 2]");
  const Tensor mean = Tensor::zeros({4}), variance = Tensor::full({4}, 1);
  EXPECT_EQ(batch_norm(Tensor::zeros({1, 4}), {}, {}, mean, variance, {}).size(), 4);
  EXPECT_EQ(batch_norm(Tensor::zeros({0, 4, 2, 2}), {}, {}, mean, variance, {}).size(), 0);
}

TEST(BatchNorm, RejectsWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({2, 4, 3, 3}), four = Tensor::zeros({4}), five = Tensor::zeros({5});
  EXPECT_EQ(error_text([&] { batch_norm(x, five, four, four, four, {}); }),
            "batch_norm: gamma must have shape [4] to fit x [2, 4, 3, 3], got [5]");
  EXPECT_EQ(error_text([&] { batch_norm(x, four, five, four, four, {}); }),
            "batch_norm: beta must have shape [4] to fit x [2, 4, 3, 3], got [5]");
  EXPECT_EQ(error_text([&] { batch_norm(x, four, four, five, four, {}); }),
            "batch_norm: running_mean must have shape [4] to fit x [2, 4, 3, 3], got [5]");
  EXPECT_EQ(error_text([&] { batch_norm(x, four, four, four, five, {}); }),
            "batch_norm: running_var must have shape [4] to fit x [2, 4, 3, 3], got [5]");
  EXPECT_EQ(error_text([&] { batch_norm(x, four, four, four, {}, {}); }),
            "batch_norm: running_mean and running_var must come together");
  EXPECT_EQ(error_text([&] { batch_norm(x, four, four, four, four, {.eps = -1}); }),
            "batch_norm: eps must not be negative, got -1");
  EXPECT_EQ(error_text([&] {
              batch_norm(Tensor::zeros({2, 4, 3}), four, four, four, four, {});
            }),
            "batch_norm: x must be [N, C, H, W] or [N, C], got [2, 4, 3]");
  EXPECT_EQ(error_text([&] { batch_norm({}, four, four, four, four, {}); }), "batch_norm: x must be defined");
  EXPECT_EQ(error_text([&] {
              batch_norm(Tensor::zeros({2, 4, 3, 3}, Layout::kRowMajor), four, four, four, four, {});
            }),
            "batch_norm: x must be an activation (channels-last)");
}

}  // namespace
}  // namespace octet
