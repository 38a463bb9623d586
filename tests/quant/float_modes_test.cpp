// SPDX-License-Identifier: Apache-2.0
// The program around the library may round as it likes and flush denormals: from the first random number to the last
// deployed logit nothing changes, on any number of threads.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <filesystem>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/kernels/core/parallel.h"
#include "octet/nn/layers.h"
#include "octet/nn/optim.h"
#include "octet/nn/schedule.h"
#include "octet/nn/sequential.h"
#include "support/float_mode.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

// Everything that came out, as bits.
struct Trace {
  std::vector<std::uint32_t> bits;
  std::vector<std::string> files;

  void add(std::span<const float> values) {
    for (const float v : values) bits.push_back(std::bit_cast<std::uint32_t>(v));
  }
  bool operator==(const Trace&) const = default;
};

Tensor random_batch(Rng& rng) {
  Tensor x = Tensor::empty({8, 3, 12, 12});
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

template <typename Optimizer>
void train(Module& net, Optimizer& optimizer, Rng& rng, int steps, Trace& trace) {
  const std::vector<std::int64_t> labels = {0, 1, 2, 3, 0, 1, 2, 3};
  const Schedule schedule = Schedule(CosineSchedule{.base_lr = 0.03, .total_steps = 7}).with_warmup(3);
  for (int step = 0; step < steps; ++step) {
    optimizer.set_lr(schedule.lr(step));
    const Tensor logits = net(random_batch(rng));
    const Tensor loss = cross_entropy(logits, labels) + mean(logits * logits) * Tensor::scalar(0.01F);
    optimizer.zero_grad();
    loss.backward();
    const std::vector<Tensor> parameters = net.parameters();
    const double norm = clip_grad_norm(parameters, 0.5);
    optimizer.step();
    trace.add(std::bit_cast<std::array<float, 2>>(norm));
    trace.add(loss.values());
    for (const Tensor& parameter : parameters) trace.add(parameter.values());
  }
}

Trace everything(const fs::path& folder) {
  Trace trace;
  Rng rng(3);
  Sequential net;
  net.append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}, rng)
      .append<BatchNorm2d>({.features = 8})
      .append<ReLU>()
      .append<Conv2d>({.in_channels = 8, .out_channels = 12, .kernel_size = 3, .stride = 2}, rng)
      .append<SiLU>()
      .append<Dropout>({.p = 0.3F}, rng)
      .append<AdaptiveAvgPool2d>({.output_size = 1})
      .append<Flatten>()
      .append<Linear>({.in_features = 12, .out_features = 4}, rng);
  SGD sgd(net, {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-3});
  train(net, sgd, rng, 3, trace);
  AdamW adamw(net, {.lr = 0.01});
  train(net, adamw, rng, 2, trace);

  Sequential small;
  small.append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1, .bias = false}, rng)
      .append<BatchNorm2d>({.features = 8})
      .append<ReLU>()
      .append<Conv2d>({.in_channels = 8, .out_channels = 12, .kernel_size = 3, .stride = 2}, rng)
      .append<AdaptiveAvgPool2d>({.output_size = 1})
      .append<Flatten>()
      .append<Linear>({.in_features = 12, .out_features = 4}, rng);
  const Tensor sample = random_batch(rng);
  const fs::path config = folder / "quant.json", record = folder / "record.txt";
  create_quant_retrain_config(config, small, sample);
  const auto qat = create_quant_retrain_model(config, small, record, sample);
  SGD qat_sgd(*qat, {.lr = 0.1, .momentum = 0.9});
  train(*qat, qat_sgd, rng, 4, trace);
  qat->eval();
  {
    const NoGrad no_grad;
    trace.add((*qat)(sample).values());
  }
  const SavedModels saved = save_quant_retrain_model(config, *qat, record, folder / "net", sample);
  for (const fs::path& file : {record, saved.deploy, saved.fake_quant}) trace.files.push_back(read_file(file, 1 << 24));
  trace.add(deploy::Model::load(saved.deploy).run(sample.to_nchw(), 8));
  return trace;
}

TEST(FloatModes, OfTheProgramChangeNoBit) {
  const fs::path folder = fs::path(testing::TempDir()) / ("float_modes_" + std::to_string(getpid()));
  fs::create_directories(folder);
  const int threads_before = kernels::num_threads();
  kernels::set_num_threads(1);
  const Trace expected = everything(folder);
  for (const int threads : {1, 4})
    for (const test::FloatMode mode : test::kFloatModes) {
      kernels::set_num_threads(threads);
      const test::FloatModeScope host(mode);  // threads that start now have it as well
      EXPECT_TRUE(everything(folder) == expected) << name_of(mode) << ", " << threads << " threads";
    }
  kernels::set_num_threads(threads_before);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace octet
