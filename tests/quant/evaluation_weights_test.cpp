// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/evaluation_weights.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/simplified_config.h"
#include "octet/nn/layers.h"
#include "octet/nn/sequential.h"
#include "octet/quant/qat_layers.h"
#include "support/quantized_forward.h"

namespace octet {
namespace {

TEST(EvaluationWeights, AreMadeAgainOnceASourceWasWrittenToOrIsAnother) {
  const EvaluationWeights weights;
  int made = 0;
  const auto get = [&](const Tensor& a, double number) {
    return weights.get({{a, Tensor()}, {number}}, [&] {
      ++made;
      return EvaluationWeights::Made{a.clone(), Tensor::scalar(static_cast<float>(made))};
    });
  };
  Tensor a = Tensor::full({2}, 1.0F);
  EXPECT_EQ(get(a, 1).bias.item(), 1.0F);
  EXPECT_EQ(get(a, 1).bias.item(), 1.0F);
  a.mutable_values()[0] = 5.0F;
  EXPECT_EQ(get(a, 1).bias.item(), 2.0F);
  EXPECT_EQ(get(a, 1).weight.values()[0], 5.0F);
  EXPECT_EQ(get(a, 2).bias.item(), 3.0F);
  EXPECT_EQ(get(a.clone(), 2).bias.item(), 4.0F);
  weights.clear();
  EXPECT_EQ(get(a, 2).bias.item(), 5.0F);
}

Tensor images() {
  Rng rng(4);
  std::vector<float> values(2 * 3 * 6 * 6);
  for (float& v : values) v = rng.normal();
  return Tensor::from_nhwc({2, 3, 6, 6}, values);
}

std::vector<float> evaluated(Module& model) {
  const NoGrad no_grad;
  return model(images()).to_vector();
}

// Whatever the integers of a layer are made of: after a change of it, evaluation is that of a model that has always had
// the new values.
TEST(EvaluationWeights, OfALayerFollowAllThatTheyAreMadeOf) {
  Rng rng(3);
  Sequential net;
  net.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng).append<BatchNorm2d>({.features = 4});
  const std::string config = quant_retrain_config_text(net, images(), SimplifiedConfig()).json;
  const std::unique_ptr<Module> model = quant_retrain_model(config, "config", net, images()).module;
  model->train();
  evaluated(*model);
  model->eval();
  std::vector<float> before = evaluated(*model);
  std::vector<NamedTensor> state = model->named_parameters();
  const std::vector<NamedTensor> buffers = model->named_buffers();
  state.insert(state.end(), buffers.begin(), buffers.end());
  int moved = 0;
  for (const NamedTensor& one : state) {
    Tensor tensor = one.tensor;
    const bool is_clip = one.name.find("acts_clip_m") != std::string::npos;
    for (float& v : tensor.mutable_values()) v = is_clip ? v * 0.5F : v * 1.25F + 0.01F;
    const std::vector<float> now = evaluated(*model);
    EXPECT_EQ(now, evaluated(*model->clone())) << one.name;
    moved += now != before;
    before = now;
  }
  EXPECT_GE(moved, 7) << "weight, four of the BatchNorm, two clips";
}

// One layer, with clips, in evaluation mode.
std::unique_ptr<Module> converted_convolution() {
  Rng rng(3);
  Sequential net;
  net.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng);
  const std::string config = quant_retrain_config_text(net, images(), SimplifiedConfig()).json;
  std::unique_ptr<Module> model = quant_retrain_model(config, "config", net, images()).module;
  evaluated(*model);
  model->eval();
  return model;
}

// What the layer quantized once is no longer its input once its clips have moved.
TEST(EvaluationWeights, ReadWhatIsOnTheGridOfToday) {
  const std::unique_ptr<Module> model = converted_convolution();
  const NoGrad no_grad;
  auto& layer = dynamic_cast<QatModule&>(model->at("0"));
  const Tensor quantized = layer.filter_input(images());
  EXPECT_TRUE(layer.filter_input(quantized).same_as(quantized));
  for (const NamedTensor& one : layer.own_parameters())
    if (one.name == "acts_clip_max") Tensor(one.tensor).mutable_values()[0] *= 0.25F;
  EXPECT_EQ(layer(quantized).to_vector(), layer(quantized.clone()).to_vector());
}

TEST(EvaluationWeights, OfALayerFollowTheArithmetic) {
  const std::unique_ptr<Module> model = converted_convolution();
  const std::vector<float> in_int8 = evaluated(*model);
  const test::ForwardIn floats(QuantizedForward::kFloat);
  const std::vector<float> in_floats = evaluated(*model);
  for (std::size_t i = 0; i < in_int8.size(); ++i) EXPECT_NEAR(in_int8[i], in_floats[i], 1e-5F);
}

}  // namespace
}  // namespace octet
