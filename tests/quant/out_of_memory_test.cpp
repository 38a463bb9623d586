// SPDX-License-Identifier: Apache-2.0
// A training step in which memory runs out, at whatever moment, changes no parameter, and is simply done again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/kernels/core/parallel.h"
#include "octet/nn/layers.h"
#include "octet/nn/optim.h"
#include "octet/nn/sequential.h"
#include "support/failing_memory.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

Tensor input() {
  Rng rng(5);
  Tensor x = Tensor::empty({4, 3, 8, 8});
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

std::unique_ptr<Sequential> network() {
  Rng rng(3);
  auto made = std::make_unique<Sequential>();
  Sequential& net = *made;
  net.append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}, rng)
      .append<BatchNorm2d>({.features = 8})
      .append<ReLU>()
      .append<Conv2d>({.in_channels = 8, .out_channels = 8, .kernel_size = 3, .stride = 2}, rng)
      .append<MaxPool2d>({.kernel_size = 3})
      .append<Flatten>()
      .append<Linear>({.in_features = 8, .out_features = 4}, rng);
  return made;
}

void step(Module& net, Optimizer& optimizer, const Tensor& x) {
  const std::vector<std::int64_t> labels = {0, 1, 2, 3};
  optimizer.zero_grad();
  cross_entropy(net(x), labels).backward();
  optimizer.step();
}

std::vector<std::vector<float>> values_of(const Module& net) {
  std::vector<std::vector<float>> all;
  for (const Tensor& parameter : net.parameters()) all.push_back(parameter.to_vector());
  return all;
}

class OutOfMemory : public testing::Test {
 protected:
  OutOfMemory()
      : threads_(kernels::num_threads()),
        folder_(fs::path(testing::TempDir()) / ("out_of_memory_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    kernels::set_num_threads(1);  // the n-th allocation is then always the same
  }
  ~OutOfMemory() override {
    kernels::set_num_threads(threads_);
    fs::remove_all(folder_);
  }

  // Three steps, the last of which fails at each of its allocations before it succeeds.
  template <typename MakeNet>
  void expect_repeatable(const MakeNet& make, int least_failures) {
    const Tensor x = input();
    const auto expected_net = make();
    SGD expected_sgd(*expected_net, {.lr = 0.1, .momentum = 0.9});
    for (int i = 0; i < 3; ++i) step(*expected_net, expected_sgd, x);
    const auto net = make();
    SGD sgd(*net, {.lr = 0.1, .momentum = 0.9});
    for (int i = 0; i < 2; ++i) step(*net, sgd, x);
    const auto before = values_of(*net);
    const std::int64_t failures = test::fail_each_allocation(
        [&] { step(*net, sgd, x); }, [&](std::int64_t n) { EXPECT_EQ(values_of(*net), before) << "allocation " << n; });
    EXPECT_GE(failures, least_failures);
    EXPECT_EQ(values_of(*net), values_of(*expected_net));
  }

  std::unique_ptr<Module> retrained() const {
    const auto net = network();
    const fs::path config = folder_ / "quant.json";
    create_quant_retrain_config(config, *net, input());
    return create_quant_retrain_model(config, *net, folder_ / "record.txt", input());
  }

  int threads_;
  fs::path folder_;
};

TEST_F(OutOfMemory, InAStepOfTrainingLeavesItToBeDoneAgain) {
  expect_repeatable([] { return network(); }, 20);
}

TEST_F(OutOfMemory, InAStepOfRetrainingLeavesItToBeDoneAgain) {
  expect_repeatable([&] { return retrained(); }, 40);
}

TEST_F(OutOfMemory, InARunOfADeployedModelLeavesItToBeRunAgain) {
  const auto net = retrained();
  SGD sgd(*net, {.lr = 0.1});
  for (int i = 0; i < 2; ++i) step(*net, sgd, input());
  net->eval();
  const SavedModels saved =
      save_quant_retrain_model(folder_ / "quant.json", *net, folder_ / "record.txt", folder_ / "net", input());
  const std::vector<float> x = input().to_nchw(), expected = deploy::Model::load(saved.deploy).run(x, 4);
  std::vector<float> y;
  const deploy::Model model = deploy::Model::load(saved.deploy);
  const std::int64_t failures = test::fail_each_allocation([&] { y = model.run(x, 4); }, [](std::int64_t) {});
  EXPECT_GE(failures, 2);
  EXPECT_EQ(y, expected);
}

}  // namespace
}  // namespace octet
