// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/evaluation_mode.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/sequential.h"

namespace octet {
namespace {

std::vector<std::pair<std::string, bool>> modes(Module& net) {
  std::vector<std::pair<std::string, bool>> all;
  net.visit([&](const std::string& path, Module& module) { all.emplace_back(path, module.training()); });
  return all;
}

TEST(EvaluationMode, GivesEveryModuleItsOwnModeBack) {
  Rng rng(1);
  const auto net = make_model("resnet8", {}, rng);
  net->at("layer1").eval();
  net->at("layer1.0.conv1").train();
  net->at("bn1").eval();
  const auto before = modes(*net);
  {
    const EvaluationMode outer(*net), inner(*net);
    for (const auto& [path, training] : modes(*net)) EXPECT_FALSE(training) << path;
  }
  EXPECT_EQ(modes(*net), before);
}

TEST(EvaluationMode, EndsWithAnException) {
  Rng rng(2);
  const auto net = make_model("resnet8", {}, rng);
  net->at("bn1").eval();
  const auto before = modes(*net);
  EXPECT_THROW(
      {
        const EvaluationMode mode(*net);
        throw std::runtime_error("stop");
      },
      std::runtime_error);
  EXPECT_EQ(modes(*net), before);
}

TEST(EvaluationMode, GivesWhatWasPutInASlotTheModeOfWhatWasThere) {
  Sequential net;
  net.append<BatchNorm2d>({.features = 2});
  net.append<BatchNorm2d>({.features = 2});
  net.at("0").eval();
  {
    const EvaluationMode mode(net);
    net.slot("0").replace(std::make_unique<BatchNorm2d>(BatchNorm2d::Options{.features = 2}));
    auto block = std::make_unique<Sequential>();
    block->append<ReLU>();
    block->eval();
    net.slot("1").replace(std::move(block));
  }
  EXPECT_FALSE(net.at("0").training());
  EXPECT_TRUE(net.at("1").training());
  EXPECT_TRUE(net.at("1.0").training());
}

}  // namespace
}  // namespace octet
