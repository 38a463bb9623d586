// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/pytorch_values.h"
#include "support/reference_loss.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::check_op;
using test::error_text;
using test::random_tensor;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// ---- softmax -------------------------------------------------------------------------------------------------------

struct SoftmaxCase {
  Shape x;
  std::int64_t dim;
  std::size_t from_front;
};

const std::vector<SoftmaxCase> kSoftmaxCases = {{{3, 5}, -1, 1},       {{4, 7}, 1, 1}, {{4, 7}, 0, 0},
                                                {{4, 7}, -2, 0},       {{6, 1}, 1, 1}, {{2, 5, 3, 2}, 1, 1},
                                                {{2, 17, 3, 2}, -3, 1}};

TEST(Softmax, AgreesWithTheReference) {
  Rng rng(41);
  for (const SoftmaxCase& c : kSoftmaxCases) {
    const test::CheckOptions options = {.gradient_floor = 1e-3};  // of one class the gradient is zero
    EXPECT_TRUE(check_op([&](const auto& in) { return softmax(in[0], c.dim); },
                         [&](const auto& in) { return test::softmax_reference(in[0], c.from_front); },
                         {random_tensor(c.x, rng, 0.0F, 2.0F)}, options))
        << text(c.x, " along ", c.dim);
    EXPECT_TRUE(check_op([&](const auto& in) { return log_softmax(in[0], c.dim); },
                         [&](const auto& in) { return test::log_softmax_reference(in[0], c.from_front); },
                         {random_tensor(c.x, rng, 0.0F, 2.0F)}, options))
        << text(c.x, " along ", c.dim);
  }
}

TEST(Softmax, TakesAnyLogitsWithoutOverflow) {
  const Tensor x = Tensor::from_values({2, 3}, std::vector<float>{1e30F, 1e30F, 0, -1e30F, -kInfinity, -1e30F});
  EXPECT_EQ(softmax(x).to_vector(), (std::vector<float>{0.5F, 0.5F, 0, 0.5F, 0, 0.5F}));
  EXPECT_EQ(log_softmax(x).to_vector()[1], std::log(0.5F));
}

TEST(Softmax, MakesTheWholeRowNaNIfOneLogitIs) {
  const std::vector<float> values = {1, std::numeric_limits<float>::quiet_NaN(), 2, 3, 4, 5};
  const std::vector<float> y = softmax(Tensor::from_values({2, 3}, values)).to_vector();
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(y[i]), i < 3) << i;
}

TEST(Softmax, RejectsDimensionsItCannotRunAlong) {
  EXPECT_EQ(error_text([] {
              softmax(Tensor::zeros({2, 3}), 2);
            }),
            "softmax: dim must be 0 or 1 of a 2-D tensor, or 1 of an activation (dim 2, x [2, 3])");
  EXPECT_EQ(error_text([] {
              softmax(Tensor::zeros({2, 3, 4, 4}));
            }),
            "softmax: dim must be 0 or 1 of a 2-D tensor, or 1 of an activation (dim -1, x [2, 3, 4, 4])");
  EXPECT_EQ(error_text([] { log_softmax(Tensor::zeros({3}), 0); }),
            "log_softmax: dim must be 0 or 1 of a 2-D tensor, or 1 of an activation (dim 0, x [3])");
  EXPECT_EQ(error_text([] { log_softmax(Tensor()); }), "log_softmax: x must be defined");
}

// ---- losses --------------------------------------------------------------------------------------------------------

TEST(CrossEntropy, AgreesWithTheReference) {
  Rng rng(42);
  struct Case {
    std::int64_t rows, classes;
    float smoothing;
  };
  for (const Case& c : {Case{1, 2, 0.0F}, Case{4, 10, 0.0F}, Case{33, 7, 0.1F}, Case{3, 1000, 0.25F}}) {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < c.rows; ++i) labels.push_back(rng.below(static_cast<std::uint32_t>(c.classes)));
    EXPECT_TRUE(check_op(
        [&](const auto& in) { return cross_entropy(in[0], labels, {.label_smoothing = c.smoothing}); },
        [&](const auto& in) { return test::cross_entropy_reference(in[0], labels, static_cast<double>(c.smoothing)); },
        {random_tensor({c.rows, c.classes}, rng, 0.0F, 2.0F)}))
        << c.rows << " x " << c.classes;
  }
}

TEST(CrossEntropy, AgreesWithPyTorch) {
  for (const auto& c : test::pytorch_cases("cross_entropy")) {
    Tensor x = test::tensor_from(c.at("x")).set_requires_grad();
    const auto labels = c.at("labels").get<std::vector<std::int64_t>>();
    const Tensor loss = cross_entropy(x, labels, {.label_smoothing = c.at("label_smoothing").get<float>()});
    loss.backward();
    EXPECT_NEAR(static_cast<double>(loss.item()), c.at("loss").get<double>(), 1e-6);
    EXPECT_TRUE(test::near(x.grad(), c.at("dx")));
  }
}

TEST(CrossEntropy, ScalesItsGradientWithWhatComesFromAbove) {
  Rng rng(43);
  const std::vector<std::int64_t> labels = {1, 0};
  const test::Reference reference = [&](const auto& in) {
    return test::scalar64(3 * test::cross_entropy_reference(in[0], labels, 0)[0]);
  };
  EXPECT_TRUE(check_op([&](const auto& in) { return mul(cross_entropy(in[0], labels), Tensor::scalar(3)); }, reference,
                       {random_tensor({2, 3}, rng)}));
}

TEST(CrossEntropy, TakesLargeAndInfiniteLogits) {
  const std::vector<std::int64_t> labels = {0};
  const auto loss = [&](float first, float second) {
    Tensor x = Tensor::from_values({1, 2}, std::vector<float>{first, second}).set_requires_grad();
    const Tensor y = cross_entropy(x, labels);
    y.backward();
    EXPECT_TRUE(std::isfinite(x.grad().values()[0]) && std::isfinite(x.grad().values()[1]));
    return y.item();
  };
  EXPECT_EQ(loss(1e4F, 0), 0.0F);
  EXPECT_EQ(loss(0, 1e4F), 1e4F);
  EXPECT_EQ(loss(0, -kInfinity), 0.0F);
  EXPECT_EQ(loss(-kInfinity, 0), kInfinity);
}

TEST(CrossEntropy, RejectsLabelsAndOptionsThatDoNotFit) {
  const Tensor logits = Tensor::zeros({3, 10});
  const auto message = [](const Tensor& x, const std::vector<std::int64_t>& labels, float smoothing = 0.0F) {
    return error_text([&] { cross_entropy(x, labels, {.label_smoothing = smoothing}); });
  };
  EXPECT_EQ(message(Tensor(), {}), "cross_entropy: logits must be defined");
  EXPECT_EQ(message(Tensor::zeros({10}), {1}), "cross_entropy: logits must be [N, K] and not empty (logits [10])");
  EXPECT_EQ(message(Tensor::zeros({0, 10}), {}), "cross_entropy: logits must be [N, K] and not empty (logits [0, 10])");
  EXPECT_EQ(message(logits, {1, 2}), "cross_entropy: each row of logits needs one label (logits [3, 10], 2 labels)");
  EXPECT_EQ(message(logits, {0, 9, 10}), "cross_entropy: labels must be in [0, 10) (label 10 of row 2)");
  EXPECT_EQ(message(logits, {0, -1, 3}), "cross_entropy: labels must be in [0, 10) (label -1 of row 1)");
  EXPECT_EQ(message(logits, {0, 1, 2}, 1.0F), "cross_entropy: label_smoothing must be in [0, 1) (label_smoothing 1)");
  EXPECT_EQ(message(logits, {0, 1, 2}, std::nanf("")),
            "cross_entropy: label_smoothing must be in [0, 1) (label_smoothing nan)");
}

TEST(MseLoss, AgreesWithTheReference) {
  Rng rng(44);
  for (const Shape& shape : {Shape{}, Shape{9}, Shape{3, 4}, Shape{2, 3, 4, 5}})
    EXPECT_TRUE(check_op([](const auto& in) { return mse_loss(in[0], in[1]); },
                         [](const auto& in) { return test::mse_loss_reference(in[0], in[1]); },
                         {random_tensor(shape, rng), random_tensor(shape, rng)}))
        << text(shape);
}

TEST(MseLoss, RejectsInputsThatDiffer) {
  EXPECT_EQ(error_text([] {
              mse_loss(Tensor::zeros({2, 3}), Tensor::zeros({2, 1}));
            }),
            "mse_loss: shapes must be equal (a [2, 3], b [2, 1])");
  EXPECT_EQ(error_text([] {
              mse_loss(Tensor::zeros({1, 2, 3, 3}), Tensor::zeros({1, 2, 3, 3}, Layout::kRowMajor));
            }),
            "mse_loss: one input is an activation (channels-last), the other a row-major tensor (shape [1, 2, 3, 3])");
  EXPECT_EQ(error_text([] { mse_loss(Tensor::zeros({0}), Tensor::zeros({0})); }),
            "mse_loss: the inputs must not be empty (shape [0])");
  EXPECT_EQ(error_text([] { mse_loss(Tensor::zeros({1}), Tensor()); }), "mse_loss: b must be defined");
}

// ---- sums ----------------------------------------------------------------------------------------------------------

TEST(MeanAndSum, AgreeWithTheReference) {
  Rng rng(45);
  for (const Shape& shape : {Shape{}, Shape{9}, Shape{2, 3, 4, 5}}) {
    EXPECT_TRUE(check_op([](const auto& in) { return sum(in[0]); },
                         [](const auto& in) { return test::sum_reference(in[0]); }, {random_tensor(shape, rng, 1.0F)}));
    EXPECT_TRUE(check_op([](const auto& in) { return mean(in[0]); },
                         [](const auto& in) {
                           return test::scalar64(test::sum_reference(in[0])[0] / static_cast<double>(in[0].size()));
                         },
                         {random_tensor(shape, rng, 1.0F)}));
  }
}

TEST(Mean, HasSpreadingAsItsAdjoint) {
  Rng rng(46);
  const auto spread = [](const Tensor& dy) {
    Tensor x = Tensor::zeros({2, 3, 4, 5}).set_requires_grad();
    mean(x).backward(dy);
    return x.grad();
  };
  EXPECT_TRUE(test::check_adjoint(mean, spread, random_tensor({2, 3, 4, 5}, rng, 1.0F), Tensor::scalar(0.7F)));
}

TEST(Sum, OfAWeightGivesItsGradientTheWeightsOrder) {
  Tensor w = Tensor::zeros({2, 3, 2, 2}, Layout::kRowMajor).set_requires_grad();
  sum(w).backward();
  EXPECT_EQ(w.grad().layout(), Layout::kRowMajor);
}

TEST(Sum, OfMillionsOfValuesLosesNone) {
  EXPECT_EQ(sum(Tensor::full({20'000'001}, 1.0F)).item(), 20'000'001.0F);
  EXPECT_EQ(mean(Tensor::full({3'000'000}, 0.1F)).item(), 0.1F);
}

TEST(Sum, OfNothingIsZero) { EXPECT_EQ(sum(Tensor::zeros({0, 3})).item(), 0.0F); }

TEST(Mean, RejectsWhatHasNone) {
  EXPECT_EQ(error_text([] { mean(Tensor::zeros({0, 3})); }), "mean: x must not be empty (x [0, 3])");
  EXPECT_EQ(error_text([] { mean(Tensor()); }), "mean: x must be defined");
  EXPECT_EQ(error_text([] { sum(Tensor()); }), "sum: x must be defined");
}

TEST(Losses, HaveTheSameBitsOnAnyNumberOfThreads) {
  Rng rng(47);
  const Tensor x = random_tensor({1500, 130}, rng), target = random_tensor({1500, 130}, rng);
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 1500; ++i) labels.push_back(rng.below(130));
  test::expect_same_bits_on_any_number_of_threads([&] {
    std::vector<Tensor> results;
    const auto run = [&](const auto& loss) {
      Tensor leaf = x.clone().set_requires_grad();
      const Tensor y = loss(leaf);
      y.backward();
      results.insert(results.end(), {y.detach(), leaf.grad()});
    };
    run([&](const Tensor& v) { return cross_entropy(v, labels, {.label_smoothing = 0.1F}); });
    run([&](const Tensor& v) { return mse_loss(v, target); });
    run([&](const Tensor& v) { return mean(mul(softmax(v), target)); });
    run([&](const Tensor& v) { return sum(mul(log_softmax(v, 0), target)); });
    return results;
  });
}

}  // namespace
}  // namespace octet
