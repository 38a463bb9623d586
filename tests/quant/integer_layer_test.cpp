// SPDX-License-Identifier: Apache-2.0
// Channels that are all but constant have their constant, whatever comes in: in evaluation, in the deployed file, and
// in the single int8 layers.
#include "octet/quant/integer_layer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/quant_layers_from_qat.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/nn/layers.h"
#include "octet/nn/sequential.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kChannel = 2;

Tensor images(const Shape& shape, float largest, std::uint64_t seed) {
  Rng rng(seed);
  Tensor x = Tensor::empty(shape);
  for (float& v : x.mutable_values()) v = rng.uniform(-largest, largest);
  return x;
}

// The values of channel 2 of [N, C, ...], row-major.
std::vector<float> channel(const std::vector<float>& y, const Shape& shape) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  const std::size_t plane = y.size() / (static_cast<std::size_t>(shape[0]) * channels);
  std::vector<float> values;
  for (std::size_t i = 0; i < y.size(); ++i)
    if (i / plane % channels == kChannel) values.push_back(y[i]);
  return values;
}

class ConstantChannel : public testing::Test {
 protected:
  ConstantChannel() { fs::create_directories(folder_); }
  ~ConstantChannel() override { fs::remove_all(folder_); }

  // Trains for two steps, calls `kill` on the converted model, and asks all ways for the channel.
  template <typename Kill>
  void expect_constant(Module& net, const Shape& image, float largest, float constant, const Kill& kill) {
    Shape batch = image;
    batch.insert(batch.begin(), 4);
    const Tensor x = images(batch, largest, 3);
    const fs::path config = folder_ / "config.json", record = folder_ / "record.txt";
    create_quant_retrain_config(config, net, x);
    model_ = create_quant_retrain_model(config, net, record, x);
    const NoGrad no_grad;
    (*model_)(x);
    (*model_)(images(batch, largest, 4));
    kill(*model_);
    model_->eval();
    const Tensor y = (*model_)(x);
    const std::vector<float> evaluated = y.to_vector();
    for (const float v : channel(evaluated, y.shape())) ASSERT_NEAR(v, constant, 1e-5 * std::fabs(constant));

    const SavedModels saved = save_quant_retrain_model(config, *model_, record, folder_ / "net", x);
    EXPECT_EQ(deploy::Model::load(saved.deploy).run(x.to_vector(), 4), evaluated);
    save_quant_retrain_model(config, *model_, record, folder_ / "ascend", x, {.format = DeployFormat::kAscend});
    EXPECT_EQ(read_record_file(record, std::vector<std::string>{"0"}), quant_record(*model_));
  }

  const fs::path folder_ = fs::path(testing::TempDir()) / ("constant_channel_" + std::to_string(getpid()));
  Rng rng_{1};
  std::unique_ptr<Module> model_;
};

TEST_F(ConstantChannel, OfABatchNormWhoseGammaIsTinyOrZero) {
  for (const float gamma : {1e-7F, 1e-9F, 1e-20F, 1e-42F, 0.0F, -0.0F})
    for (const float largest : {1.0F, 1000.0F}) {
      SCOPED_TRACE(testing::Message() << "gamma " << gamma << ", inputs up to " << largest);
      Sequential net;
      net.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1}, rng_);
      net.append<BatchNorm2d>({.features = 4});
      expect_constant(net, {3, 6, 6}, largest, -0.3F, [&](Module& model) {
        const BatchNorm2d& norm = *dynamic_cast<const QatModule&>(model.at("0")).batch_norm();
        Tensor(norm.weight()).mutable_values()[kChannel] = gamma;
        Tensor(norm.bias()).mutable_values()[kChannel] = -0.3F;
      });
    }
}

TEST_F(ConstantChannel, OfABatchNormWhoseVarianceIsHuge) {
  for (const float variance : {1e20F, std::numeric_limits<float>::infinity()}) {
    Sequential net;
    net.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng_);
    net.append<BatchNorm2d>({.features = 4});
    expect_constant(net, {3, 6, 6}, 1.0F, 2.5F, [&](Module& model) {
      const BatchNorm2d& norm = *dynamic_cast<const QatModule&>(model.at("0")).batch_norm();
      Tensor(norm.running_var()).mutable_values()[kChannel] = variance;
      Tensor(norm.bias()).mutable_values()[kChannel] = 2.5F;
    });
  }
}

TEST_F(ConstantChannel, OfAFilterOfZeros) {
  for (const float largest : {1.0F, 1000.0F, 1e6F}) {
    SCOPED_TRACE(largest);
    const auto zero = [](Module& model) {
      const auto& layer = dynamic_cast<const QatModule&>(model.at("0"));
      layer.weight_view().for_each_run(kChannel, [&](std::int64_t at) {
        for (std::int64_t i = at; i < at + layer.weight_view().run; ++i)
          Tensor(layer.weight()).mutable_values()[static_cast<std::size_t>(i)] = 0.0F;
      });
      Tensor(layer.bias()).mutable_values()[kChannel] = 1.1F;
    };
    Sequential conv, up, fc;
    conv.append<Conv2d>({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng_);
    expect_constant(conv, {3, 6, 6}, largest, 1.1F, zero);
    up.append<ConvTranspose2d>({.in_channels = 4, .out_channels = 6, .kernel_size = 2, .stride = 2, .groups = 2}, rng_);
    expect_constant(up, {4, 3, 3}, largest, 1.1F, zero);
    fc.append<Linear>({.in_features = 12, .out_features = 5}, rng_);
    expect_constant(fc, {12}, largest, 1.1F, zero);
    EXPECT_EQ(quant_record(*model_).layers[0].scale_w.size(), 5U) << "one scale for all no longer does";
  }
}

TEST_F(ConstantChannel, IsThatOfTheSingleInt8Layers) {
  Conv2dQAT conv({.in_channels = 3, .out_channels = 4, .kernel_size = 3}, rng_);
  Tensor weight = conv.weight(), bias = conv.bias();
  for (std::size_t i = 0; i < 27; ++i) weight.mutable_values()[kChannel * 27 + i] = 0.0F;
  bias.mutable_values()[kChannel] = 1.1F;
  conv(images({2, 3, 6, 6}, 500.0F, 5));
  deploy::Int8Tensor q{{1, 3, 6, 6}, std::vector<std::int8_t>(108, 127)};
  const deploy::QuantOutput y = quant_conv2d_from_qat(conv, "float32").forward(q);
  for (const float v : channel(y.float32, y.shape)) EXPECT_NEAR(v, 1.1F, 1e-5);
}

TEST(IntegerLayer, KeepsTheIntegersOfAllOtherChannels) {
  const kernels::ChannelView view{1, 1, 3, 2};
  const std::vector<float> weight{0.5F, -1.27F, 0.0F, 0.0F, 0.3F, 1.27F}, scales{0.01F, 1.0F, 0.01F};
  const std::vector<float> bias{0.7F, 1.1F, -2.0F};
  const IntegerLayer made = integer_layer("Test", view, weight, scales, 8, bias, nullptr, 0.5F);
  EXPECT_EQ(made.weight, (std::vector<std::int8_t>{50, -127, 0, 0, 30, 127}));
  EXPECT_EQ(made.bias[0], 140);
  EXPECT_EQ(made.bias[2], -400);
  EXPECT_EQ(made.scales[0], 0.01F);
  EXPECT_EQ(made.scales[2], 0.01F);
  EXPECT_NEAR(made.bias[1] * (0.5F * made.scales[1]), 1.1F, 1e-6);
}

TEST(IntegerLayer, RefusesABiasThatIsNotFinite) {
  const kernels::ChannelView view{1, 1, 1, 1};
  const std::vector<float> weight{0.5F}, scales{0.01F}, bias{std::numeric_limits<float>::infinity()};
  EXPECT_EQ(test::error_text([&] { integer_layer("Test", view, weight, scales, 8, bias, nullptr, 0.5F); }),
            "Test: the bias of output channel 0 must be finite (bias inf)");
}

}  // namespace
}  // namespace octet
