// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "octet/autograd/ops.h"
#include "octet/data/synthetic.h"
#include "octet/nn/norm_layers.h"
#include "octet/nn/sequential.h"
#include "support/error_text.h"
#include "support/run_recorder.h"

namespace octet {
namespace {

/// Logits that say class 1 to every image, and what mode it was called in.
class AlwaysOne final : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    called_in_training |= training();
    Tensor logits = Tensor::zeros({x.dim(0), 3});
    for (std::int64_t i = 0; i < x.dim(0); ++i) logits.mutable_values()[static_cast<std::size_t>(3 * i + 1)] = 1.0F;
    return logits;
  }
  bool called_in_training = false;
};

DataLoader loader() {
  // Labels 0, 1, 2, 0, 1, 2, 0: two of seven are 1.
  return DataLoader(synthetic_dataset({.count = 7, .height = 4, .width = 4, .channels = 1, .classes = 3}),
                    {.batch_size = 4, .workers = 0});
}

TEST(Evaluate, CountsEveryImageOnce) {
  AlwaysOne module;
  test::RunRecorder recorder;
  const std::optional<Evaluation> result = evaluate(module, loader(), recorder);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->images, 7);
  EXPECT_DOUBLE_EQ(result->accuracy, 2.0 / 7);
  const double sum = std::log(2 + std::exp(1.0));
  EXPECT_NEAR(result->loss, (2 * (sum - 1) + 5 * sum) / 7, 1e-6);
  ASSERT_EQ(recorder.evaluations.size(), 2U);
  EXPECT_EQ(recorder.evaluations[1].batch, 2);
  EXPECT_EQ(recorder.evaluations[1].batches, 2);
}

TEST(Evaluate, RunsInEvaluationModeAndRestoresTheMode) {
  AlwaysOne module;
  Observer quiet;
  evaluate(module, loader(), quiet);
  EXPECT_FALSE(module.called_in_training);
  EXPECT_TRUE(module.training());
}

TEST(Evaluate, LeavesWhatWasFrozenFrozen) {
  Sequential module;
  module.append<BatchNorm2d>({.features = 1});
  module.append<AlwaysOne>();
  module.at("0").eval();
  Observer quiet;
  evaluate(module, loader(), quiet);
  EXPECT_TRUE(module.training());
  EXPECT_FALSE(module.at("0").training());
  EXPECT_TRUE(module.at("1").training());
}

TEST(Evaluate, GivesNothingWhenStopped) {
  AlwaysOne module;
  Observer quiet;
  const std::atomic<bool> stop = true;
  EXPECT_FALSE(evaluate(module, loader(), quiet, &stop).has_value());
}

TEST(CountCorrect, TakesTheFirstOfEqualLogits) {
  const Tensor logits = Tensor::from_values({2, 3}, std::vector<float>{1, 1, 0, 0, 2, 2});
  EXPECT_EQ(count_correct(logits, std::vector<std::int64_t>{0, 1}), 2);
  EXPECT_EQ(count_correct(logits, std::vector<std::int64_t>{1, 2}), 0);
}

TEST(CountCorrect, CountsNoRowWithANan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor logits = Tensor::from_values({2, 3}, std::vector<float>{nan, nan, nan, 0, nan, 2});
  for (const std::int64_t label : {0, 1, 2})
    EXPECT_EQ(count_correct(logits, std::vector<std::int64_t>{label, label}), 0) << label;
}

TEST(Evaluate, RefusesLogitsThatAreNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  EvaluationSum sum;
  sum.add(Tensor::zeros({2, 3}), std::vector<std::int64_t>{0, 1});
  EXPECT_EQ(test::error_text([&] {
              sum.add(Tensor::from_values({2, 3}, std::vector<float>{0, 0, 0, 0, -infinity, 0}),
                      std::vector<std::int64_t>{0, 1});
            }),
            "evaluate: the network's results are not finite: image 4, class 1: -inf");
}

TEST(CountCorrect, RejectsAnotherNumberOfLabels) {
  EXPECT_EQ(test::error_text([] {
              count_correct(Tensor::zeros({2, 3}), std::vector<std::int64_t>{0});
            }),
            "count_correct: logits must be [N, K] for N labels (logits [2, 3], 1 labels)");
}

}  // namespace
}  // namespace octet
