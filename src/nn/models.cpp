// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/models.h"

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/nn/resnet.h"

namespace octet {
namespace {

struct Architecture {
  std::string name;
  ResNetBlock block;
  ResNetStem stem;
  std::vector<std::int64_t> blocks, channels;
};

// The CIFAR family has depth 6n + 2: three stages of n basic blocks of two convolutions, the stem and the classifier.
Architecture cifar(std::int64_t depth) {
  const std::int64_t n = (depth - 2) / 6;
  return {text("resnet", depth), ResNetBlock::kBasic, ResNetStem::kCifar, {n, n, n}, {16, 32, 64}};
}

Architecture imagenet(std::int64_t depth, ResNetBlock block, std::vector<std::int64_t> blocks) {
  return {text("resnet", depth), block, ResNetStem::kImageNet, std::move(blocks), {64, 128, 256, 512}};
}

std::vector<Architecture> architectures() {
  return {
      cifar(8),
      cifar(20),
      cifar(32),
      cifar(44),
      cifar(56),
      imagenet(18, ResNetBlock::kBasic, {2, 2, 2, 2}),
      imagenet(34, ResNetBlock::kBasic, {3, 4, 6, 3}),
      imagenet(50, ResNetBlock::kBottleneck, {3, 4, 6, 3}),
      imagenet(101, ResNetBlock::kBottleneck, {3, 4, 23, 3}),
      imagenet(152, ResNetBlock::kBottleneck, {3, 8, 36, 3}),
  };
}

}  // namespace

std::unique_ptr<Module> make_model(std::string_view name, const ModelOptions& options, Rng& rng) {
  for (const Architecture& a : architectures()) {
    if (a.name != name) continue;
    return std::make_unique<ResNet>(ResNet::Options{.block = a.block,
                                                    .blocks = a.blocks,
                                                    .channels = a.channels,
                                                    .stem = a.stem,
                                                    .in_channels = options.in_channels,
                                                    .num_classes = options.num_classes,
                                                    .zero_init_residual = options.zero_init_residual},
                                    rng);
  }
  fail("make_model: there is no model ", in_quotes(name), did_you_mean(name, model_names()));
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (Architecture& a : architectures()) names.push_back(std::move(a.name));
  return names;
}

}  // namespace octet
