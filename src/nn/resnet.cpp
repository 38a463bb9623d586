// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/resnet.h"

#include <string>
#include <utility>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/nn/init.h"
#include "octet/nn/layers.h"

namespace octet {
namespace {

// All convolutions of a ResNet are followed by a BatchNorm, so none has a bias.
Conv2d::Options conv3x3(std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride = 1) {
  return {.in_channels = in_channels,
          .out_channels = out_channels,
          .kernel_size = 3,
          .stride = stride,
          .padding = 1,
          .bias = false};
}

Conv2d::Options conv1x1(std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride = 1) {
  return {.in_channels = in_channels, .out_channels = out_channels, .kernel_size = 1, .stride = stride, .bias = false};
}

// The projection of a shortcut whose shape changes, or null where the shortcut is the input itself.
std::unique_ptr<Sequential> make_downsample(std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride,
                                            Rng& rng) {
  if (stride == 1 && in_channels == out_channels) return nullptr;
  auto downsample = std::make_unique<Sequential>();
  downsample->append<Conv2d>(conv1x1(in_channels, out_channels, stride), rng);
  downsample->append<BatchNorm2d>({.features = out_channels});
  return downsample;
}

void set_weight_to_zero(const Child& norm) {
  Tensor weight = dynamic_cast<BatchNorm2d&>(norm.module()).weight();
  init::constant(weight, 0.0F);
}

template <typename Block>
std::unique_ptr<Sequential> make_stage(std::int64_t in_channels, std::int64_t channels, std::int64_t blocks,
                                       std::int64_t stride, Rng& rng) {
  auto stage = std::make_unique<Sequential>();
  stage->append<Block>({.in_channels = in_channels, .channels = channels, .stride = stride}, rng);
  for (std::int64_t i = 1; i < blocks; ++i)
    stage->append<Block>({.in_channels = channels * Block::kExpansion, .channels = channels}, rng);
  return stage;
}

void check(const ResNet::Options& o) {
  require(!o.blocks.empty() && o.blocks.size() == o.channels.size(),
          "ResNet: blocks and channels must name the same stages (blocks ", o.blocks, ", channels ", o.channels, ")");
  for (std::int64_t blocks : o.blocks) require(blocks > 0, "ResNet: blocks must be positive (blocks ", o.blocks, ")");
  for (std::int64_t c : o.channels) require(c > 0, "ResNet: channels must be positive (channels ", o.channels, ")");
  require(o.in_channels > 0, "ResNet: in_channels must be positive (in_channels ", o.in_channels, ")");
  require(o.num_classes > 0, "ResNet: num_classes must be positive (num_classes ", o.num_classes, ")");
}

Conv2d::Options stem_convolution(const ResNet::Options& o) {
  check(o);  // here, because the stem is built first
  if (o.stem == ResNetStem::kCifar) return conv3x3(o.in_channels, o.channels.front());
  return {.in_channels = o.in_channels,
          .out_channels = o.channels.front(),
          .kernel_size = 7,
          .stride = 2,
          .padding = 3,
          .bias = false};
}

}  // namespace

BasicBlock::BasicBlock(Options o, Rng& rng)
    : options_(o),
      conv1_(add<Conv2d>("conv1", conv3x3(o.in_channels, o.channels, o.stride), rng)),
      bn1_(add<BatchNorm2d>("bn1", {.features = o.channels})),
      conv2_(add<Conv2d>("conv2", conv3x3(o.channels, o.channels), rng)),
      bn2_(add<BatchNorm2d>("bn2", {.features = o.channels})) {
  if (auto downsample = make_downsample(o.in_channels, o.channels, o.stride, rng))
    downsample_ = &add("downsample", std::move(downsample));
}

Tensor BasicBlock::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  y = bn2_(conv2_(y));
  return relu(y + (downsample_ ? (*downsample_)(x) : x));  // in one expression, C++ would not say which side runs first
}

std::unique_ptr<Module> BasicBlock::clone() const {
  Rng unused(0);
  return copy_state_to(std::make_unique<BasicBlock>(options_, unused));
}

void BasicBlock::zero_init_residual() { set_weight_to_zero(bn2_); }

Bottleneck::Bottleneck(Options o, Rng& rng)
    : options_(o),
      conv1_(add<Conv2d>("conv1", conv1x1(o.in_channels, o.channels), rng)),
      bn1_(add<BatchNorm2d>("bn1", {.features = o.channels})),
      conv2_(add<Conv2d>("conv2", conv3x3(o.channels, o.channels, o.stride), rng)),
      bn2_(add<BatchNorm2d>("bn2", {.features = o.channels})),
      conv3_(add<Conv2d>("conv3", conv1x1(o.channels, o.channels * kExpansion), rng)),
      bn3_(add<BatchNorm2d>("bn3", {.features = o.channels * kExpansion})) {
  if (auto downsample = make_downsample(o.in_channels, o.channels * kExpansion, o.stride, rng))
    downsample_ = &add("downsample", std::move(downsample));
}

Tensor Bottleneck::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  y = relu(bn2_(conv2_(y)));
  y = bn3_(conv3_(y));
  return relu(y + (downsample_ ? (*downsample_)(x) : x));
}

std::unique_ptr<Module> Bottleneck::clone() const {
  Rng unused(0);
  return copy_state_to(std::make_unique<Bottleneck>(options_, unused));
}

void Bottleneck::zero_init_residual() { set_weight_to_zero(bn3_); }

ResNet::ResNet(Options options, Rng& rng)
    : options_(std::move(options)),
      conv1_(add<Conv2d>("conv1", stem_convolution(options_), rng)),
      bn1_(add<BatchNorm2d>("bn1", {.features = options_.channels.front()})) {
  const bool basic = options_.block == ResNetBlock::kBasic;
  const std::int64_t expansion = basic ? BasicBlock::kExpansion : Bottleneck::kExpansion;
  std::int64_t in_channels = options_.channels.front();
  for (std::size_t i = 0; i < options_.blocks.size(); ++i) {
    const std::int64_t channels = options_.channels[i], blocks = options_.blocks[i], stride = i == 0 ? 1 : 2;
    stages_.push_back(
        &add(text("layer", i + 1), basic ? make_stage<BasicBlock>(in_channels, channels, blocks, stride, rng)
                                         : make_stage<Bottleneck>(in_channels, channels, blocks, stride, rng)));
    in_channels = channels * expansion;
  }
  fc_ = &add<Linear>("fc", {.in_features = in_channels, .out_features = options_.num_classes}, rng);

  visit([&](const std::string&, Module& module) {
    if (auto* conv = dynamic_cast<Conv2d*>(&module)) {
      Tensor weight = conv->weight();
      init::kaiming_normal(weight, init::FanMode::kOut, rng);
    }
    if (!options_.zero_init_residual) return;
    if (auto* block = dynamic_cast<BasicBlock*>(&module)) block->zero_init_residual();
    if (auto* block = dynamic_cast<Bottleneck*>(&module)) block->zero_init_residual();
  });
}

Tensor ResNet::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  if (options_.stem == ResNetStem::kImageNet) y = max_pool2d(y, {.kernel_size = 3, .stride = 2, .padding = 1});
  for (const Child* stage : stages_) y = (*stage)(y);
  return (*fc_)(flatten(adaptive_avg_pool2d(y, 1)));
}

std::unique_ptr<Module> ResNet::clone() const {
  Rng unused(0);
  return copy_state_to(std::make_unique<ResNet>(options_, unused));
}

}  // namespace octet
