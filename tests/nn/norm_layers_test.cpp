// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/norm_layers.h"

#include <gtest/gtest.h>

#include <vector>

#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/golden_json.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;

Tensor batch(const std::vector<float>& values) {
  return Tensor::from_nchw({static_cast<std::int64_t>(values.size()), 1, 1, 1}, values);
}

TEST(BatchNorm2d, TrainsAndEvaluatesAsPyTorchDoes) {
  const nlohmann::json golden = test::load_golden("pytorch_ops.json")["batch_norm"][0];
  const auto values = [&](const char* key) { return golden[key]["values"].get<std::vector<float>>(); };
  BatchNorm2d norm({.features = 3});
  const auto set = [&](Tensor t, const char* key) { std::ranges::copy(values(key), t.mutable_values().begin()); };
  set(norm.weight(), "weight");
  set(norm.bias(), "bias");
  set(norm.running_mean(), "running_mean");
  set(norm.running_var(), "running_var");
  const auto expect_near = [&](const Tensor& ours, const char* key) {
    const std::vector<float> got = ours.to_vector(), expected = values(key);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5) << key << ' ' << i;
  };

  const Tensor x = Tensor::from_nchw(golden["x"]["shape"].get<Shape>(), values("x"));
  expect_near(norm(x), "y");
  expect_near(norm.running_mean(), "running_mean_after");
  expect_near(norm.running_var(), "running_var_after");
  EXPECT_EQ(*norm.named_counters().at(0).value, 1);
  norm.eval();
  expect_near(norm(x), "y_eval_after");
  EXPECT_EQ(*norm.named_counters().at(0).value, 1) << "evaluation counts nothing";
}

TEST(BatchNorm2d, WithoutMomentumAveragesOverAllBatches) {
  BatchNorm2d norm({.features = 1, .momentum = std::nullopt});
  norm(batch({1, 3}));  // mean 2, unbiased variance 2
  norm(batch({5, 7}));  // mean 6
  norm(batch({0, 2}));  // mean 1
  EXPECT_NEAR(norm.running_mean().values()[0], 3.0F, 1e-6);
  EXPECT_NEAR(norm.running_var().values()[0], 2.0F, 1e-6);
  EXPECT_EQ(*norm.named_counters().at(0).value, 3);
}

TEST(BatchNorm2d, WithoutRunningStatisticsUsesTheBatchInEvaluationToo) {
  BatchNorm2d norm({.features = 1, .track_running_stats = false});
  EXPECT_TRUE(norm.named_buffers().empty());
  EXPECT_TRUE(norm.named_counters().empty());
  norm.eval();
  EXPECT_NEAR(norm(batch({1, 3})).to_vector()[0], -1.0F, 1e-4);
}

TEST(BatchNorm2d, WithoutAffineHasNoParameters) {
  BatchNorm2d norm({.features = 1, .affine = false});
  EXPECT_TRUE(norm.named_parameters().empty());
  EXPECT_NEAR(norm(batch({1, 3})).to_vector()[1], 1.0F, 1e-4);
  norm.eval();
  EXPECT_TRUE(same_bits((*norm.clone())(batch({1, 3})), norm(batch({1, 3}))));
}

TEST(BatchNorm2d, NamesTheOptionThatIsWrong) {
  EXPECT_EQ(error_text([] { BatchNorm2d({.features = 0}); }), "BatchNorm2d: features must be positive (features 0)");
  EXPECT_EQ(error_text([] { BatchNorm2d({.features = 1, .eps = -1.0F}); }),
            "BatchNorm2d: eps must be finite and not negative (eps -1)");
  EXPECT_EQ(error_text([] { BatchNorm2d({.features = 1, .momentum = 1.5F}); }),
            "BatchNorm2d: momentum must be in [0, 1] (momentum 1.5)");
  BatchNorm2d norm({.features = 1});
  EXPECT_EQ(error_text([&] { norm(Tensor::zeros({2, 1})); }), "BatchNorm2d: x must be [N, C, H, W] (x [2, 1])");
}

TEST(BatchNorm2d, AFailedForwardCountsNoBatch) {
  BatchNorm2d norm({.features = 2});
  EXPECT_NE(error_text([&] { norm(Tensor::zeros({2, 3, 1, 1})); }), "no error");
  EXPECT_EQ(*norm.named_counters().at(0).value, 0);
}

TEST(Dropout, DropsInTrainingAndPassesInEvaluation) {
  Rng rng(7);
  Dropout dropout({.p = 0.25F}, rng);
  const Tensor x = Tensor::full({10000}, 3.0F);
  std::int64_t dropped = 0;
  const Tensor y = dropout(x);
  for (const float value : y.values()) {
    EXPECT_TRUE(value == 0.0F || value == 4.0F) << value;
    dropped += value == 0.0F;
  }
  EXPECT_NEAR(static_cast<double>(dropped) / 10000, 0.25, 0.02);
  dropout.eval();
  EXPECT_TRUE(dropout(x).same_as(x));
}

TEST(Dropout, TwoLayersAndTwoCallsDrawDifferentMasks) {
  Rng rng(7);
  Dropout first({}, rng), second({}, rng);
  const Tensor x = Tensor::full({1000}, 1.0F);
  const Tensor once = first(x);
  EXPECT_FALSE(same_bits(once, first(x)));
  EXPECT_FALSE(same_bits(once, second(x)));
}

TEST(Dropout, ItsPositionIsStateOfARunAndNotOfTheWeights) {
  Rng rng(7), same(7);
  Dropout dropout({}, rng);
  const Tensor x = Tensor::full({1000}, 1.0F);
  dropout(x);
  const std::int64_t position = *named_state(dropout).at(0).counter;
  const Tensor second = dropout(x);
  EXPECT_TRUE(named_weights(dropout).empty());

  Dropout resumed({}, same);
  *named_state(resumed).at(0).counter = position;
  EXPECT_TRUE(same_bits(resumed(x), second));

  const std::unique_ptr<Module> copy = dropout.clone();
  EXPECT_TRUE(same_bits((*copy)(x), dropout(x)));
}

TEST(Dropout, NamesTheOptionThatIsWrong) {
  Rng rng(7);
  EXPECT_EQ(error_text([&] { Dropout({.p = 1.0F}, rng); }), "Dropout: p must be in [0, 1) (p 1)");
}

}  // namespace
}  // namespace octet
