// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/activation_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/simplified_config.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "support/error_text.h"

namespace octet {
namespace {

/// A convolution behind a slot, whose clips a test chooses.
class OneConv final : public Module {
 public:
  explicit OneConv(Rng& rng)
      : conv_(add<Conv2d>("conv", {.in_channels = 1, .out_channels = 2, .kernel_size = 1}, rng)) {}
  Tensor forward(const Tensor& x) override { return conv_(x); }
  std::unique_ptr<Module> clone() const override {
    Rng rng(1);
    return copy_state_to(std::make_unique<OneConv>(rng));
  }

 private:
  Child& conv_;
};

Tensor image(const std::vector<float>& values) {
  Tensor x = Tensor::empty({1, 1, 1, std::ssize(values)});
  std::ranges::copy(values, x.mutable_values().begin());
  return x;
}

std::unique_ptr<Module> quantized(Module& model, const Tensor& x, const std::string& definition = "{}",
                                  const QuantRetrainOptions& options = {}) {
  const std::string json = quant_retrain_config_text(model, x, parse_quant_yaml(definition, "q.yaml")).json;
  return quant_retrain_model(json, "q.json", model, x, options).module;
}

TEST(ActivationRanges, CountWhatLiesBeyondTheGrid) {
  Rng rng(1);
  OneConv net(rng);
  const Tensor x = image({-3, -2, -1, 0, 0.5, 0.99, 1.5, 40});
  const auto model =
      quantized(net, x, "retrain_data_quant_config: {ulq_quantize: {clip_max_min: {clip_max: 1.0, clip_min: -2.0}}}");
  const std::vector<ActivationRange> ranges = activation_ranges(*model, [&] {
    const NoGrad no_grad;
    model->eval();
    (*model)(x);
    (*model)(image({5, 0}));
  });
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].layer, "conv");
  EXPECT_EQ(ranges[0].grid.clips.max, 1.0F);
  EXPECT_EQ(ranges[0].grid.clips.min, -2.0F);
  EXPECT_FLOAT_EQ(ranges[0].grid.grid.scale, 3.0F / 255);
  EXPECT_EQ(ranges[0].values, 10);
  EXPECT_EQ(ranges[0].clipped, 4);  // -3, 1.5, 40 and 5
  EXPECT_DOUBLE_EQ(ranges[0].clipped_share(), 0.4);
}

class ActivationRangesOfAResNet : public testing::TestWithParam<bool> {};

TEST_P(ActivationRangesOfAResNet, CoverEveryLayerAndChangeNothing) {
  Rng rng(2);
  const auto net = make_model("resnet8", {.in_channels = 1}, rng);
  Tensor x = Tensor::empty({4, 1, 8, 8});
  for (float& value : x.mutable_values()) value = rng.normal();
  const auto model = quantized(*net, x, "{}", {.quantize_shortcuts = GetParam()});
  const NoGrad no_grad;
  (*model)(x);  // finds the clips
  model->eval();
  Tensor y, counted;
  const auto forward = [&](Tensor& out) { out = (*model)(x); };
  forward(y);
  const std::vector<ActivationRange> ranges = activation_ranges(*model, [&] { forward(counted); });
  EXPECT_EQ(counted.to_vector(), y.to_vector());
  forward(counted);
  EXPECT_EQ(counted.to_vector(), y.to_vector());

  std::size_t quantized_layers = 0;
  model->visit([&](const std::string&, Module& layer) {
    quantized_layers += dynamic_cast<const QatModule*>(&layer) != nullptr;
    for (const auto& child : layer.children())
      EXPECT_TRUE(!child->input_filter() || dynamic_cast<const QatModule*>(child->input_filter()));
  });
  ASSERT_EQ(ranges.size(), quantized_layers);
  for (const ActivationRange& range : ranges) {
    EXPECT_GT(range.values, 0) << range.layer;
    EXPECT_LT(range.clipped_share(), 0.2) << range.layer;
    EXPECT_GT(range.grid.clips.max, 0.0F) << range.layer;
  }
  EXPECT_EQ(ranges[0].layer, "conv1");
  EXPECT_EQ(ranges[0].values, x.size());

  // What reads one tensor with one configuration has one quantizer.
  const auto find = [&](const std::string& layer) {
    return *std::ranges::find(ranges, layer, &ActivationRange::layer);
  };
  EXPECT_EQ(find("layer2.0.downsample.0").values, find("layer2.0.conv1").values);
  EXPECT_EQ(find("layer2.0.downsample.0").clipped, find("layer2.0.conv1").clipped);
}

INSTANTIATE_TEST_SUITE_P(ActivationRanges, ActivationRangesOfAResNet, testing::Bool());

TEST(ActivationRanges, NeedClips) {
  Rng rng(1);
  OneConv net(rng);
  const Tensor x = image({1, 2});
  const auto model = quantized(net, x);
  EXPECT_EQ(
      test::error_text([&] { activation_ranges(*model, [] {}); }),
      "conv: Conv2dQAT: its clips have not been found yet: it must see training (or calibration) data first, 1 batch "
      "in training mode");
}

}  // namespace
}  // namespace octet
