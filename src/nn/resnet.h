// SPDX-License-Identifier: Apache-2.0
// ResNets: the ImageNet family with torchvision's parameter names, and the small CIFAR family of the same paper
// (He et al., "Deep residual learning for image recognition", 2015).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "octet/base/rng.h"
#include "octet/nn/module.h"
#include "octet/nn/sequential.h"

namespace octet {

/// Two 3x3 convolutions around a shortcut. Slots: conv1, bn1, conv2, bn2 and, if shapes change, downsample ("0": 1x1
/// convolution, "1": BatchNorm).
class BasicBlock final : public Module {
 public:
  struct Options {
    std::int64_t in_channels, channels;
    std::int64_t stride = 1;
  };
  static constexpr std::int64_t kExpansion = 1;  ///< output channels per `channels`
  BasicBlock(Options options, Rng& rng);

  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;
  /// Makes the block start as its shortcut: the last BatchNorm gets weight 0.
  void zero_init_residual();

 private:
  Options options_;
  Child &conv1_, &bn1_, &conv2_, &bn2_;
  Child* downsample_ = nullptr;
};

/// 1x1, 3x3, 1x1 convolutions around a shortcut; the 3x3 one has the stride (as in torchvision). Slots: conv1 .. conv3,
/// bn1 .. bn3, downsample.
class Bottleneck final : public Module {
 public:
  struct Options {
    std::int64_t in_channels, channels;
    std::int64_t stride = 1;
  };
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(Options options, Rng& rng);

  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;
  void zero_init_residual();

 private:
  Options options_;
  Child &conv1_, &bn1_, &conv2_, &bn2_, &conv3_, &bn3_;
  Child* downsample_ = nullptr;
};

enum class ResNetBlock { kBasic, kBottleneck };
enum class ResNetStem {
  kImageNet,  ///< 7x7 convolution with stride 2, then 3x3 max pooling with stride 2
  kCifar,     ///< 3x3 convolution with stride 1
};

/// Slots conv1, bn1, (relu and maxpool have no state and are ops), layer1 .. layerN, fc. Each stage after the first
/// halves the image. Convolutions are initialised kaiming_normal (fan out), BatchNorm 1 and 0, fc as Linear is.
class ResNet final : public Module {
 public:
  struct Options {
    ResNetBlock block;
    std::vector<std::int64_t> blocks;    ///< per stage
    std::vector<std::int64_t> channels;  ///< per stage; a Bottleneck puts out four times as many
    ResNetStem stem;
    std::int64_t in_channels = 3;
    std::int64_t num_classes = 1000;
    bool zero_init_residual = false;  ///< helps with large batches (Goyal et al. 2017)
  };
  ResNet(Options options, Rng& rng);

  /// x [N, in_channels, H, W] -> logits [N, num_classes].
  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
  Child &conv1_, &bn1_;
  std::vector<Child*> stages_;
  Child* fc_ = nullptr;
};

}  // namespace octet
