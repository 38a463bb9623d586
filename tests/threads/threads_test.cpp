// SPDX-License-Identifier: Apache-2.0
// What many threads may do at once. Built under the thread sanitizer, too (preset tsan): with one OpenMP thread for
// each caller, because the sanitizer knows nothing of OpenMP's own locks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/compat/simplified_config.h"
#include "octet/data/loader.h"
#include "octet/data/synthetic.h"
#include "octet/deploy/model.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/sequential.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 8;

// Calls f(t) on all threads at once, each with one OpenMP thread.
template <typename F>
void on_threads(const F& f) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&f, t] {
      kernels::set_num_threads(1);
      f(t);
    });
}

std::unique_ptr<Sequential> network() {
  Rng rng(3);
  auto net = std::make_unique<Sequential>();
  net->append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}, rng)
      .append<BatchNorm2d>({.features = 8})
      .append<ReLU>()
      .append<Conv2d>({.in_channels = 8, .out_channels = 8, .kernel_size = 3, .stride = 2, .groups = 2}, rng)
      .append<AdaptiveAvgPool2d>({.output_size = 1})
      .append<Flatten>()
      .append<Linear>({.in_features = 8, .out_features = 4}, rng);
  return net;
}

Tensor batch_of(std::int64_t count) {
  Rng rng(static_cast<std::uint64_t>(count));
  Tensor x = Tensor::empty({count, 3, 10, 10});
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

std::vector<float> evaluated(Module& net, const Tensor& x) {
  const NoGrad no_grad;
  return net(x).to_vector();
}

class Threads : public testing::Test {
 protected:
  Threads() : before_(kernels::num_threads()) { kernels::set_num_threads(1); }
  ~Threads() override { kernels::set_num_threads(before_); }

 private:
  int before_;
};

TEST_F(Threads, RunOneDeployedModelForManyBatchSizes) {
  const fs::path folder = fs::path(testing::TempDir()) / ("threads_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const auto net = network();
  create_quant_retrain_config(folder / "quant.json", *net, batch_of(2));
  const auto qat = create_quant_retrain_model(folder / "quant.json", *net, folder / "record.txt", batch_of(2));
  for (int i = 0; i < 2; ++i) evaluated(*qat, batch_of(8));
  qat->eval();
  const SavedModels saved =
      save_quant_retrain_model(folder / "quant.json", *qat, folder / "record.txt", folder / "net", batch_of(2));
  {
    const fs::path& file = saved.deploy;
    std::vector<std::vector<float>> expected;
    for (int batch = 1; batch <= kThreads + 3; ++batch)
      expected.push_back(deploy::Model::load(file).run(batch_of(batch).to_nchw(), batch));
    const deploy::Model model = deploy::Model::load(file);
    on_threads([&](int t) {
      for (int i = 0; i < 2 * kThreads; ++i) {
        const auto batch = static_cast<std::size_t>((t + i) % std::ssize(expected)) + 1;
        EXPECT_EQ(model.run(batch_of(static_cast<std::int64_t>(batch)).to_nchw(), static_cast<std::int64_t>(batch)),
                  expected[batch - 1]);
      }
    });
  }
  fs::remove_all(folder);
}

// One module, one input tensor, eight callers. The first of them makes what the layers keep: the integer weights.
TEST_F(Threads, EvaluateOneModule) {
  Rng rng(5);
  const std::unique_ptr<Module> residual = make_model("resnet8", {.in_channels = 3, .num_classes = 4}, rng);
  residual->train();
  evaluated(*residual, batch_of(4));  // running statistics
  residual->eval();
  const Tensor x = batch_of(2);
  const std::vector<float> expected = evaluated(*residual, x);
  on_threads([&](int) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(evaluated(*residual, x), expected);
  });
}

TEST_F(Threads, EvaluateOneConvertedModel) {
  Rng rng(5);
  const std::unique_ptr<Module> residual = make_model("resnet8", {.in_channels = 3, .num_classes = 4}, rng);
  for (const bool quantize_shortcuts : {false, true}) {
    const std::string config = quant_retrain_config_text(*residual, batch_of(2), SimplifiedConfig()).json;
    const std::unique_ptr<Module> converted =
        quant_retrain_model(config, "config", *residual, batch_of(2), {.quantize_shortcuts = quantize_shortcuts})
            .module;
    converted->train();
    for (int i = 0; i < 2; ++i) evaluated(*converted, batch_of(4));
    converted->eval();
    const Tensor x = batch_of(2), more = batch_of(3);
    const std::unique_ptr<Module> other = converted->clone();
    const std::vector<float> expected = evaluated(*other, x), expected_of_three = evaluated(*other, more);
    on_threads([&](int t) {
      for (int i = 0; i < 4; ++i)
        EXPECT_EQ(evaluated(*converted, (t + i) % 2 ? x : more), (t + i) % 2 ? expected : expected_of_three);
    });
    // With a tape of its own each, too. (Gradients of shared leaves would be added up by all.)
    for (Tensor parameter : converted->parameters()) parameter.set_requires_grad(false);
    on_threads([&](int) {
      Tensor own = x.clone();
      own.set_requires_grad();
      sum((*converted)(own)).backward();
      EXPECT_TRUE(own.grad().defined());
    });
  }
}

TEST_F(Threads, EvaluateAndTrainModulesOfTheirOwn) {
  const auto net = network();
  net->eval();
  const std::vector<float> expected = evaluated(*net, batch_of(6));
  on_threads([&](int) {
    const auto own = network();
    own->eval();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(evaluated(*own, batch_of(6)), expected);
    own->train();
    const std::vector<std::int64_t> labels = {0, 1, 2, 3, 0, 1};
    cross_entropy((*own)(batch_of(6)), labels).backward();
  });
}

TEST_F(Threads, TakeBatchesFromLoadersWithWorkers) {
  const auto data = synthetic_dataset({.count = 60, .height = 8, .width = 8, .seed = 2});
  const DataLoader loader(data, {.batch_size = 4, .shuffle = true, .workers = 3},
                          {.steps = {RandomCrop{.size = 8, .padding = 1}, RandomHorizontalFlip{}}});
  on_threads([&](int t) {
    std::int64_t samples = 0;
    for (const auto& [images, labels] : loader) {
      samples += std::ssize(labels);
      if (t % 2 == 1 && samples > 20) return;  // ends with batches on their way
    }
    EXPECT_EQ(samples, 60);
  });
}

TEST_F(Threads, ShareThePoolOfMemory) {
  on_threads([](int t) {
    for (std::int64_t i = 0; i < 300; ++i) {
      const kernels::Buffer buffer(1000 * (1 + (i + t) % 7) * (i % 50 == 0 ? 5000 : 1));
      buffer.floats()[0] = static_cast<float>(i);
    }
    kernels::release_cached_memory();
  });
}

}  // namespace
}  // namespace octet
