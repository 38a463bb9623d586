// SPDX-License-Identifier: Apache-2.0
// Ten thousand layers in states that training should not reach: whatever the clips, the scales and the input, nothing
// becomes NaN, and clips and scales stay where they must.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/optim.h"
#include "octet/quant/qat_layers.h"

namespace octet {
namespace {

constexpr int kCases = 10000;

// Magnitudes from 1e-30 to 1e30, often near 1, sometimes 0.
float any_value(Rng& rng) {
  const std::uint32_t kind = rng.below(8);
  if (kind == 0) return 0.0F;
  if (kind < 5) return rng.normal();
  return rng.normal() * static_cast<float>(std::pow(10.0, static_cast<double>(rng.below(61)) - 30.0));
}

Tensor any_input(const Shape& shape, Rng& rng) {
  Tensor x = shape.size() == 4 ? Tensor::empty(shape) : Tensor::empty(shape, Layout::kRowMajor);
  const std::uint32_t kind = rng.below(5);
  const float constant = any_value(rng), size = any_value(rng);
  for (float& v : x.mutable_values())
    v = kind == 0 ? 0.0F : kind == 1 ? constant : kind == 2 ? size * rng.normal() : rng.normal();
  return x;
}

bool all_finite(const Tensor& t) {
  return !t.defined() || std::ranges::all_of(t.values(), [](float v) { return std::isfinite(v); });
}

RetrainConfig any_config(Rng& rng) {
  RetrainConfig config;
  config.retrain_data_config.dst_type = rng.below(4) == 0 ? DstType::kInt16 : DstType::kInt8;
  config.retrain_data_config.batch_num = 1 + rng.below(2);
  config.retrain_data_config.fixed_min = rng.below(3) == 0;
  config.retrain_data_config.asymmetric = rng.below(4) != 0;
  if (rng.below(2) == 0) config.retrain_data_config.clip_max = std::fabs(any_value(rng)) + 1e-30F;
  config.retrain_weight_config.channel_wise = rng.below(2) == 0;
  if (rng.below(2) == 0) config.retrain_weight_config.weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain;
  config.retrain_weight_config.s_rec_flag = rng.below(4) == 0;
  return config;
}

template <typename Layer>
void check_state(const Qat<Layer>& layer) {
  const ActivationState& acts = layer.activation_quantizer().state();
  for (const Tensor& t : {acts.clip_max, acts.clip_min, acts.clip_max_pre, acts.clip_min_pre, acts.scale, acts.offset})
    ASSERT_TRUE(all_finite(t));
  const IntegerRange range{bits_of(layer.config().retrain_data_config.dst_type)};
  EXPECT_GE(acts.scale.item(), kSmallestScale);
  EXPECT_GE(acts.offset.item(), range.low());
  EXPECT_LE(acts.offset.item(), range.high());
  if (layer.activation_quantizer().initialised()) {
    EXPECT_GE(acts.clip_max.item(), 0.0F);
    EXPECT_LE(acts.clip_min.item(), 0.0F);
    EXPECT_GT(acts.clip_max.item() - acts.clip_min.item(), kSmallestScale);
  }
  for (const float scale : layer.weight_quantizer().stored_scales().values()) {
    EXPECT_GE(scale, kSmallestScale);
    EXPECT_TRUE(std::isfinite(scale));
  }
}

template <typename Layer>
void step(Qat<Layer>& layer, const Shape& shape, Rng& rng) {
  Tensor x = any_input(shape, rng);
  x.set_requires_grad();
  const Tensor y = layer(x);
  ASSERT_TRUE(all_finite(y));
  check_state(layer);
  mean(y).backward();
  ASSERT_TRUE(all_finite(x.grad()));
  for (Tensor& p : layer.parameters()) {
    ASSERT_TRUE(all_finite(p.grad()));
    p.zero_grad();
  }
  // What an optimizer with a bad learning rate does, and worse.
  const ActivationState& acts = layer.activation_quantizer().state();
  Tensor max = acts.clip_max, min = acts.clip_min, scales = layer.weight_quantizer().stored_scales();
  if (rng.below(2) == 0) max.mutable_values()[0] = any_value(rng);
  if (rng.below(2) == 0) min.mutable_values()[0] = any_value(rng);
  if (layer.weight_quantizer().learns() && rng.below(3) == 0) scales.mutable_values()[0] = rng.normal();
}

template <typename Layer>
void run(const typename Layer::Options& options, const Shape& shape, Rng& rng) {
  Qat<Layer> layer(options, any_config(rng), rng);
  Tensor weight = layer.weight();
  const std::uint32_t kind = rng.below(6);
  if (kind == 0) std::ranges::fill(weight.mutable_values(), 0.0F);
  if (kind == 1) weight.mutable_values()[0] = 1e4F;
  if (kind == 2) weight.mutable_values()[0] = 1e-38F;
  for (int i = 0; i < 4; ++i) step(layer, shape, rng);
}

TEST(QatStress, NothingBecomesNotANumberAndStateStaysValid) {
  Rng rng(2024);
  for (int i = 0; i < kCases && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i));
    const std::int64_t batch = 1 + rng.below(2);
    if (i % 3 == 0)
      run<Conv2d>({.in_channels = 2, .out_channels = 4, .kernel_size = 2, .groups = 2}, {batch, 2, 3, 3}, rng);
    if (i % 3 == 1)
      run<ConvTranspose2d>({.in_channels = 2, .out_channels = 2, .kernel_size = 2, .stride = 2}, {batch, 2, 2, 3}, rng);
    if (i % 3 == 2) run<Linear>({.in_features = 5, .out_features = 3}, {batch, 5}, rng);
  }
}

}  // namespace
}  // namespace octet
