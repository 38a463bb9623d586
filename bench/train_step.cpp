// SPDX-License-Identifier: Apache-2.0
// Times whole training steps of a ResNet on one fixed random batch: forward, cross-entropy, backward, SGD with
// momentum. Speaks the protocol of bench/peers/train_torch.py, so that bench/train.py can drive both in turn:
//   <- {"ready": true, ...}    -> step 5    <- {"seconds": [...], "rss_mb": ...}    -> quit
#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "octet/autograd/ops.h"
#include "octet/kernels/conv.h"
#include "octet/kernels/memory.h"
#include "octet/kernels/parallel.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"

namespace {

struct Case {
  std::int64_t batch, size, classes;
};

std::vector<double> timed(int steps, const std::function<void()>& step) {
  std::vector<double> seconds;
  for (int i = 0; i < steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    step();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return seconds;
}

// Peak resident memory of this program, read as the peer reads its own (getrusage would remember the program before
// exec, too).
double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kilobytes; word == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
  return 0;
}

nlohmann::json report(const std::vector<double>& seconds) {
  return {{"seconds", seconds},
          {"rss_mb", peak_rss_mb()},
          {"system_allocations", octet::kernels::memory_statistics().system_allocations}};
}

int run(const std::string& model, Case c, int threads, int warmup, int steps, bool serve) {
  octet::kernels::set_num_threads(threads);
  octet::Rng rng(1);
  const auto net = octet::make_model(model, {.in_channels = 3, .num_classes = c.classes}, rng);
  octet::SGD sgd(*net, {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});
  octet::Tensor images = octet::Tensor::empty({c.batch, 3, c.size, c.size});
  for (float& value : images.mutable_values()) value = rng.normal();
  std::vector<std::int64_t> labels(static_cast<std::size_t>(c.batch));
  for (std::int64_t& label : labels) label = rng.below(static_cast<std::uint32_t>(c.classes));

  const auto step = [&] {
    sgd.zero_grad();
    octet::cross_entropy((*net)(images), labels).backward();
    sgd.step();
  };
  timed(warmup, step);
  if (!serve) {
    std::cout << report(timed(steps, step)) << '\n';
    return 0;
  }
  std::cout << nlohmann::json{{"ready", true}, {"model", model}, {"batch", c.batch}, {"threads", threads}} << std::endl;
  for (std::string command; std::cin >> command && command == "step" && std::cin >> steps;)
    std::cout << report(timed(steps, step)) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, Case> cases{{"resnet20", {128, 32, 10}}, {"resnet18", {16, 224, 1000}}};
  CLI::App app("Times training steps of a ResNet on a random batch.");
  std::string model;
  std::int64_t batch = 0;
  int threads = 2, warmup = 3, steps = 10;
  bool serve = false, thread_dependent = false;
  app.add_option("model", model, "resnet20 (batch 128, 3x32x32) or resnet18 (batch 16, 3x224x224)")->required();
  app.add_option("--batch", batch, "another batch size")->check(CLI::PositiveNumber);
  app.add_option("--threads", threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--warmup", warmup, "steps before the first timed one")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--steps", steps)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--serve", serve, "obey `step K` lines on standard input");
  app.add_flag("--thread-dependent", thread_dependent, "let oneDNN sum weight gradients in the order it likes best");
  CLI11_PARSE(app, argc, argv);

  const auto found = cases.find(model);
  if (found == cases.end()) {
    std::cerr << "unknown model " << model << ": resnet20 or resnet18\n";
    return 2;
  }
  Case c = found->second;
  if (batch > 0) c.batch = batch;
  if (thread_dependent) octet::kernels::set_batch_sum(octet::kernels::BatchSum::kThreadDependent);
  return run(model, c, threads, warmup, steps, serve);
}
