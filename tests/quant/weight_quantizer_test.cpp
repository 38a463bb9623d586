// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/weight_quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/array64.h"
#include "support/error_text.h"
#include "support/golden_vectors.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_weight;

constexpr ChannelView kView{.groups = 1, .rows = 1, .channels = 4, .run = 18};

RetrainWeightConfig arq(bool channel_wise) { return {.channel_wise = channel_wise}; }
RetrainWeightConfig ulq(bool channel_wise) {
  return {.weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain, .channel_wise = channel_wise};
}

TEST(ArqWeights, ScaleIsTheLargestWeightOverTheLastIntegerOfItsSign) {
  const Tensor w = Tensor::from_values({2, 2}, std::vector<float>{254.0F, -3.0F, -256.0F, 3.0F});
  const ChannelView view{.groups = 1, .rows = 1, .channels = 2, .run = 2};
  EXPECT_EQ(arq_scales("Test", w, view, /*channel_wise=*/true, 8), (std::vector<float>{2.0F, 2.0F}));
  EXPECT_EQ(arq_scales("Test", w, view, /*channel_wise=*/false, 8), (std::vector<float>{2.0F}));
}

TEST(ArqWeights, FollowTheWeightInEveryForward) {
  Rng rng(1);
  Tensor w = random_weight({4, 2, 3, 3}, rng);
  WeightQuantizer quantize("Test", arq(true), kView);
  quantize(w, /*first=*/true, ScaleForm::kScale, StateUse::kUpdate);
  const std::vector<float> before = quantize.stored_scales().to_vector();
  for (float& v : w.mutable_values()) v *= 2.0F;
  quantize(w, /*first=*/false, ScaleForm::kScale, StateUse::kUpdate);
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(quantize.stored_scales().to_vector()[i], 2.0F * before[i]) << i;
}

TEST(WeightQuantizer, QuantizedWeightsAreFixedPoints) {
  // Rounding to the grid twice is rounding once: the grid of the rounded weight is the same.
  Rng rng(2);
  const Tensor w = random_weight({4, 2, 3, 3}, rng);
  WeightQuantizer quantize("Test", arq(false), kView);
  const Tensor once = quantize(w, true, ScaleForm::kScale, StateUse::kUpdate);
  const Tensor scales = quantize.stored_scales().clone();
  const Tensor twice = fake_quantize_weight("Test", once, scales, kView, 8, ScaleForm::kScale);
  EXPECT_TRUE(test::same_bits(once, twice));
}

TEST(UlqWeights, LearnedScaleHasTheGradientOfItsClosedForm) {
  Rng rng(3);
  for (const ScaleForm form : {ScaleForm::kScale, ScaleForm::kReciprocal}) {
    Tensor w = random_weight({4, 2, 3, 3}, rng), scales = Tensor::full({4}, 0.012F);  // clips the largest weights
    if (form == ScaleForm::kReciprocal)
      for (float& s : scales.mutable_values()) s = 1.0F / s;
    w.set_requires_grad();
    scales.set_requires_grad();
    const Tensor dy = random_weight({4, 2, 3, 3}, rng);
    fake_quantize_weight("Test", w, scales, kView, 8, form).backward(dy);
    EXPECT_TRUE(test::same_bits(w.grad(), dy)) << "straight through, also where clipped";
    const std::vector<float> used = effective_scales(scales.values(), form);
    for (std::size_t c = 0; c < 4; ++c) {
      double sum = 0.0, terms = 0.0;
      for (std::size_t i = c * 18; i < (c + 1) * 18; ++i) {
        const float v = w.values()[i], t = v / used[c];
        const float d = v > used[c] * 127.0F ? 127.0F : v < used[c] * -128.0F ? -128.0F : std::rint(t) - t;
        const double factor = form == ScaleForm::kReciprocal ? -static_cast<double>(used[c] * used[c]) : 1.0;
        const double term =
            factor * static_cast<double>(d) * static_cast<double>(dy.values()[i]) / std::sqrt(18.0 * 127);
        sum += term;
        terms += std::fabs(term);
      }
      EXPECT_TRUE(test::near_sum(scales.grad().to_vector()[c], sum, terms, 1e-6)) << "channel " << c;
    }
  }
}

TEST(UlqWeights, StartAsArqAndStayWhereLearningPutsThem) {
  Rng rng(4);
  const Tensor w = random_weight({4, 2, 3, 3}, rng);
  WeightQuantizer quantize("Test", ulq(true), kView);
  quantize(w, /*first=*/true, ScaleForm::kScale, StateUse::kUpdate);
  Tensor scales = quantize.stored_scales();
  EXPECT_EQ(scales.to_vector(), arq_scales("Test", w, kView, true, 8));
  scales.mutable_values()[2] = 0.5F;
  quantize(w, /*first=*/false, ScaleForm::kScale, StateUse::kUpdate);
  EXPECT_EQ(scales.to_vector()[2], 0.5F);
}

TEST(UlqWeights, ReciprocalsDoNotDrift) {
  Rng rng(5);
  const Tensor w = random_weight({4, 2, 3, 3}, rng);
  WeightQuantizer quantize("Test", ulq(true), kView);
  quantize(w, /*first=*/true, ScaleForm::kReciprocal, StateUse::kUpdate);
  const Tensor before = quantize.stored_scales().clone();
  for (int i = 0; i < 10; ++i) quantize(w, /*first=*/false, ScaleForm::kReciprocal, StateUse::kUpdate);
  EXPECT_TRUE(test::same_bits(quantize.stored_scales(), before));
}

TEST(UlqWeights, ScalesThatLearningDroveBelowZeroBecomeTheSmallest) {
  Rng rng(6);
  const Tensor w = random_weight({4, 2, 3, 3}, rng);
  WeightQuantizer quantize("Test", ulq(true), kView);
  quantize(w, /*first=*/true, ScaleForm::kScale, StateUse::kUpdate);
  Tensor scales = quantize.stored_scales();
  scales.mutable_values()[1] = -0.1F;
  quantize(w, /*first=*/false, ScaleForm::kScale, StateUse::kKeep);
  EXPECT_EQ(scales.to_vector()[1], -0.1F) << "keeping writes nothing";
  quantize(w, /*first=*/false, ScaleForm::kScale, StateUse::kUpdate);
  EXPECT_EQ(scales.to_vector()[1], kSmallestScale);

  std::vector<float> reciprocals = {-1.0F, 1e30F, 4.0F};
  keep_positive(reciprocals, ScaleForm::kReciprocal);
  EXPECT_EQ(reciprocals, (std::vector<float>{kSmallestScale, 1.0F / kSmallestScale, 4.0F}));
}

TEST(WeightQuantizer, KeepingStoresNothing) {
  Rng rng(7);
  const Tensor w = random_weight({4, 2, 3, 3}, rng);
  for (const RetrainWeightConfig& config : {arq(true), ulq(true), ulq(false)}) {
    WeightQuantizer quantize("Test", config, kView);
    const Tensor kept = quantize(w, /*first=*/true, ScaleForm::kScale, StateUse::kKeep);
    EXPECT_TRUE(std::isnan(quantize.stored_scales().to_vector()[0]));
    EXPECT_TRUE(std::isnan(quantize.stored_offsets().to_vector()[0]));
    EXPECT_TRUE(test::same_bits(kept, quantize(w, true, ScaleForm::kScale, StateUse::kUpdate)));
    EXPECT_EQ(quantize.stored_offsets().to_vector()[0], 0.0F);
  }
}

TEST(WeightQuantizer, RefusesWhatIsNotFinite) {
  Tensor w = Tensor::zeros({4, 18});
  Tensor scales = Tensor::full({1}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(error_text([&] { fake_quantize_weight("LinearQAT", w, scales, kView, 8, ScaleForm::kScale); }),
            "LinearQAT: wts_scales must be finite");
  w.mutable_values()[7] = std::numeric_limits<float>::infinity();
  const std::string expected = "LinearQAT: the weight has values that are not finite (weight [4, 18])";
  EXPECT_EQ(error_text([&] { arq_scales("LinearQAT", w, kView, true, 8); }), expected);
  scales.mutable_values()[0] = 1.0F;
  EXPECT_EQ(error_text([&] { fake_quantize_weight("LinearQAT", w, scales, kView, 8, ScaleForm::kScale); }), expected);
}

}  // namespace
}  // namespace octet
