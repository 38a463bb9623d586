// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/conversion_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/quant/evaluation_trace.h"

namespace octet {
namespace {

std::vector<LayerConversion> plan_of(Module& model, const Tensor& input, const QuantRetrainConfig& config) {
  std::vector<std::string> batch_norms;
  model.visit([&](const std::string& path, Module& module) {
    if (dynamic_cast<BatchNorm2d*>(&module)) batch_norms.push_back(path);
  });
  const Graph graph = evaluation_trace(model, input);
  return plan_conversion(graph, config, find_quantizable_layers(model, graph), batch_norms);
}

// Every layer enabled, with defaults.
QuantRetrainConfig all_of(Module& model, const Tensor& input) {
  QuantRetrainConfig config;
  for (const QuantizableLayer& layer : find_quantizable_layers(model, evaluation_trace(model, input)))
    if (layer.obstacle.empty())
      config.layers.push_back({.name = layer.name, .weight = {.channel_wise = !layer.is_linear()}});
  return config;
}

std::map<std::string, LayerConversion> by_name(const std::vector<LayerConversion>& plan) {
  std::map<std::string, LayerConversion> map;
  for (const LayerConversion& one : plan) map[one.name] = one;
  return map;
}

Tensor image(std::int64_t channels, std::int64_t size) { return Tensor::full({2, channels, size, size}, 0.5F); }

TEST(ConversionPlan, PairsEachConvolutionOfAResNetWithItsBatchNorm) {
  Rng rng(1);
  const auto net = make_model("resnet20", {}, rng);
  const Tensor x = image(3, 16);
  const auto plan = by_name(plan_of(*net, x, all_of(*net, x)));
  EXPECT_EQ(plan.at("conv1").batch_norm, "bn1");
  EXPECT_EQ(plan.at("layer2.0.conv2").batch_norm, "layer2.0.bn2");
  EXPECT_EQ(plan.at("layer2.0.downsample.0").batch_norm, "layer2.0.downsample.1");
  EXPECT_EQ(plan.at("fc").batch_norm, "");
  EXPECT_FALSE(plan.at("conv1").config.retrain_data_config.fixed_min);
  EXPECT_TRUE(plan.at("layer1.0.conv1").config.retrain_data_config.fixed_min);
  EXPECT_FALSE(plan.at("fc").config.retrain_data_config.fixed_min);  // pooled
}

TEST(ConversionPlan, SharesTheQuantizerOfOneTensorAmongEqualConfigurations) {
  Rng rng(1);
  const auto net = make_model("resnet20", {}, rng);
  const Tensor x = image(3, 16);
  QuantRetrainConfig config = all_of(*net, x);
  EXPECT_EQ(by_name(plan_of(*net, x, config)).at("layer2.0.downsample.0").quantizer_owner, "layer2.0.conv1");
  for (LayerRetrainConfig& layer : config.layers)
    if (layer.name == "layer2.0.downsample.0") layer.data.fixed_min = false;
  EXPECT_EQ(by_name(plan_of(*net, x, config)).at("layer2.0.downsample.0").quantizer_owner, "layer2.0.downsample.0");
}

TEST(ConversionPlan, FindsTheBlockWhoseShortcutReadsWhatALayerQuantizes) {
  Rng rng(1);
  const auto net = make_model("resnet20", {}, rng);
  const Tensor x = image(3, 16);
  const auto plan = by_name(plan_of(*net, x, all_of(*net, x)));
  EXPECT_EQ(plan.at("conv1").shortcut_slot, "");
  EXPECT_EQ(plan.at("layer1.0.conv1").shortcut_slot, "layer1.0");
  EXPECT_EQ(plan.at("layer1.0.conv2").shortcut_slot, "");
  EXPECT_EQ(plan.at("layer1.1.conv1").shortcut_slot, "layer1.1");
  EXPECT_EQ(plan.at("layer2.0.conv1").shortcut_slot, "");  // the downsampling convolution shares its quantizer
  EXPECT_EQ(plan.at("layer2.0.downsample.0").shortcut_slot, "");
  EXPECT_EQ(plan.at("fc").shortcut_slot, "");
}

class Branches final : public Module {
 public:
  explicit Branches(Rng& rng)
      : conv_(add<Conv2d>("conv", {.in_channels = 3, .out_channels = 4, .kernel_size = 1}, rng)),
        bn_(add<BatchNorm2d>("bn", {.features = 4})),
        up_(add<ConvTranspose2d>("up", {.in_channels = 4, .out_channels = 4, .kernel_size = 1}, rng)),
        up_bn_(add<BatchNorm2d>("up_bn", {.features = 4})),
        twice_(add<Conv2d>("twice", {.in_channels = 4, .out_channels = 4, .kernel_size = 1}, rng)),
        twice_bn_(add<BatchNorm2d>("twice_bn", {.features = 4})),
        last_(add<Conv2d>("last", {.in_channels = 4, .out_channels = 4, .kernel_size = 1}, rng)) {}

  Tensor forward(const Tensor& x) override {
    const Tensor y = conv_(x);
    const Tensor z = up_bn_(up_(relu6(octet::add(bn_(y), y))));  // two readers of y
    return last_(twice_bn_(twice_bn_(twice_(z))));
  }

 private:
  Child &conv_, &bn_, &up_, &up_bn_, &twice_, &twice_bn_, &last_;
};

TEST(ConversionPlan, LeavesABatchNormThatOthersNeed) {
  Rng rng(1);
  Branches net(rng);
  const Tensor x = image(3, 4);
  const auto plan = by_name(plan_of(net, x, all_of(net, x)));
  EXPECT_EQ(plan.at("conv").batch_norm, "");   // its output has another reader
  EXPECT_EQ(plan.at("up").batch_norm, "");     // not a Conv2d
  EXPECT_EQ(plan.at("twice").batch_norm, "");  // the BatchNorm runs twice
  EXPECT_EQ(plan.at("last").batch_norm, "");
  EXPECT_FALSE(plan.at("up").config.retrain_data_config.fixed_min);  // a ReLU6 is no ReLU
}

TEST(ConversionPlan, TakesBatchNumAndLeavesDisabledLayersOut) {
  Rng rng(1);
  Branches net(rng);
  const Tensor x = image(3, 4);
  QuantRetrainConfig config = all_of(net, x);
  config.batch_num = 7;
  config.layers[1].retrain_enable = false;
  const auto plan = plan_of(net, x, config);
  ASSERT_EQ(plan.size(), 3U);
  EXPECT_EQ(plan[0].config.retrain_data_config.batch_num, 7);
  EXPECT_EQ(plan[1].name, "twice");
}

}  // namespace
}  // namespace octet
