// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/resnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/layers.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

ResNet::Options small(ResNetBlock block, ResNetStem stem) {
  return {.block = block, .blocks = {1, 2}, .channels = {4, 8}, .stem = stem, .in_channels = 2, .num_classes = 3};
}

std::vector<std::string> weight_names(Module& module) {
  std::vector<std::string> names;
  for (const StateEntry& entry : named_weights(module)) names.push_back(entry.name);
  return names;
}

Tensor image(const Shape& shape) {
  Rng rng(2);
  Tensor x = Tensor::empty(shape);
  for (float& value : x.mutable_values()) value = rng.normal();
  return x;
}

TEST(ResNet, ABasicBlockHasTorchvisionsNamesInItsOrder) {
  Rng rng(1);
  BasicBlock block({.in_channels = 2, .channels = 4, .stride = 2}, rng);
  EXPECT_THAT(
      weight_names(block),
      testing::ElementsAre("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
                           "bn1.num_batches_tracked", "conv2.weight", "bn2.weight", "bn2.bias", "bn2.running_mean",
                           "bn2.running_var", "bn2.num_batches_tracked", "downsample.0.weight", "downsample.1.weight",
                           "downsample.1.bias", "downsample.1.running_mean", "downsample.1.running_var",
                           "downsample.1.num_batches_tracked"));
  EXPECT_EQ(block(image({2, 2, 6, 5})).shape(), (Shape{2, 4, 3, 3}));
}

TEST(ResNet, ABottleneckWidensByFourAndStridesInItsMiddle) {
  Rng rng(1);
  Bottleneck block({.in_channels = 2, .channels = 4, .stride = 2}, rng);
  EXPECT_EQ(block(image({2, 2, 6, 5})).shape(), (Shape{2, 16, 3, 3}));
  EXPECT_EQ(dynamic_cast<Conv2d&>(block.at("conv1")).options().stride, Size2(1));
  EXPECT_EQ(dynamic_cast<Conv2d&>(block.at("conv2")).options().stride, Size2(2));
  EXPECT_EQ(dynamic_cast<Conv2d&>(block.at("downsample.0")).options().stride, Size2(2));
}

TEST(ResNet, ShortcutsAreProjectedOnlyWhereShapesChange) {
  Rng rng(1);
  ResNet basic(small(ResNetBlock::kBasic, ResNetStem::kCifar), rng);
  EXPECT_EQ(basic.at("layer1.0").children().size(), 4u);
  EXPECT_EQ(basic.at("layer2.0").children().size(), 5u);
  EXPECT_EQ(basic.at("layer2.1").children().size(), 4u);
  ResNet bottleneck(small(ResNetBlock::kBottleneck, ResNetStem::kCifar), rng);
  EXPECT_EQ(bottleneck.at("layer1.0").children().size(), 7u) << "4 channels become 16 without a stride";
}

TEST(ResNet, StemsShrinkImagesAsTheyShould) {
  Rng rng(1);
  ResNet imagenet(small(ResNetBlock::kBottleneck, ResNetStem::kImageNet), rng);
  EXPECT_EQ(imagenet.at("conv1")(image({1, 2, 32, 32})).shape(), (Shape{1, 4, 16, 16}));
  EXPECT_EQ(imagenet(image({2, 2, 32, 32})).shape(), (Shape{2, 3}));
  ResNet cifar(small(ResNetBlock::kBasic, ResNetStem::kCifar), rng);
  EXPECT_EQ(cifar.at("conv1")(image({1, 2, 32, 32})).shape(), (Shape{1, 4, 32, 32}));
}

TEST(ResNet, ConvolutionsStartKaimingNormalByFanOut) {
  Rng rng(1);
  auto options = small(ResNetBlock::kBasic, ResNetStem::kCifar);
  options.channels = {32, 64};
  const ResNet net(options, rng);
  for (const auto& [name, tensor] : net.named_parameters()) {
    if (name != "layer2.1.conv2.weight") continue;
    double squares = 0;
    for (const float value : tensor.values()) squares += static_cast<double>(value) * value;
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(tensor.size())), std::sqrt(2.0 / (64 * 9)), 0.001);
  }
}

TEST(ResNet, ZeroInitResidualMakesEveryBlockStartAsItsShortcut) {
  for (const ResNetBlock kind : {ResNetBlock::kBasic, ResNetBlock::kBottleneck}) {
    Rng rng(1);
    auto options = small(kind, ResNetStem::kCifar);
    options.zero_init_residual = true;
    ResNet net(options, rng);
    Tensor x = relu(image({2, kind == ResNetBlock::kBasic ? 8 : 32, 4, 4}));
    EXPECT_TRUE(test::same_bits(net.at("layer2.1")(x), x));
  }
}

TEST(ResNet, CloneComputesTheSame) {
  for (const ResNetBlock kind : {ResNetBlock::kBasic, ResNetBlock::kBottleneck}) {
    Rng rng(1);
    ResNet net(small(kind, ResNetStem::kImageNet), rng);
    const Tensor x = image({2, 2, 32, 32});
    net(x);
    net.eval();
    EXPECT_TRUE(test::same_bits((*net.clone())(x), net(x)));
  }
}

TEST(ResNet, NamesTheOptionThatIsWrong) {
  const auto error_with = [](auto change) {
    ResNet::Options options = small(ResNetBlock::kBasic, ResNetStem::kCifar);
    change(options);
    Rng rng(1);
    return test::error_text([&] { ResNet(options, rng); });
  };
  EXPECT_EQ(error_with([](auto& o) { o.channels = {4}; }),
            "ResNet: blocks and channels must name the same stages (blocks [1, 2], channels [4])");
  EXPECT_EQ(error_with([](auto& o) { o.blocks = o.channels = {}; }),
            "ResNet: blocks and channels must name the same stages (blocks [], channels [])");
  EXPECT_EQ(error_with([](auto& o) { o.blocks = {1, 0}; }), "ResNet: blocks must be positive (blocks [1, 0])");
  EXPECT_EQ(error_with([](auto& o) { o.channels = {-4, 8}; }), "ResNet: channels must be positive (channels [-4, 8])");
  EXPECT_EQ(error_with([](auto& o) { o.in_channels = 0; }), "ResNet: in_channels must be positive (in_channels 0)");
  EXPECT_EQ(error_with([](auto& o) { o.num_classes = 0; }), "ResNet: num_classes must be positive (num_classes 0)");
}

}  // namespace
}  // namespace octet
