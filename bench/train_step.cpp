// SPDX-License-Identifier: Apache-2.0
// Times whole training steps of a ResNet, in float or quantization-aware, on one fixed random batch: forward,
// cross-entropy, backward, SGD with momentum. Speaks the protocol of bench/peers/train_torch.py, so that bench/train.py
// and bench/qat.py can drive both in turn:
//   <- {"ready": true, ...}    -> step 5    <- {"seconds": [...], "rss_mb": ...}    -> quit
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/experiment/run/peak_memory.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/float/conv.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"

namespace {

struct Case {
  std::int64_t batch, size, classes;
};

struct Options {
  std::string model;
  std::int64_t batch = 0;  // 0: that of the case
  int threads = 2, warmup = 3, steps = 10;
  bool serve = false, thread_dependent = false, qat = false, float_shortcuts = false;
};

// A new folder that goes away with its files.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "octet-bench-XXXXXX").string()) {
    octet::require(mkdtemp(path_.data()) != nullptr, path_, ": cannot be made");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path file(const char* name) const { return std::filesystem::path(path_) / name; }

 private:
  std::string path_;
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

nlohmann::json report(const std::vector<double>& seconds) {
  return {{"seconds", seconds},
          {"rss_mb", static_cast<double>(octet::peak_resident_bytes()) / (1 << 20)},
          {"system_allocations", octet::kernels::memory_statistics().system_allocations}};
}

octet::Tensor random_images(const octet::Shape& shape, octet::Rng& rng) {
  octet::Tensor images = octet::Tensor::empty(shape);
  for (float& value : images.mutable_values()) value = rng.normal();
  return images;
}

// As a user does it, with the default configuration, which has to reach every layer.
std::unique_ptr<octet::Module> quantized(octet::Module& model, const octet::Tensor& image, bool float_shortcuts) {
  const TemporaryFolder folder;
  const std::filesystem::path config = folder.file("quant.json");
  for (const auto& layer : octet::create_quant_retrain_config(config, model, image).layers)
    octet::require(layer.quantized, layer.name, ": is not quantized: ", layer.reason);
  return octet::create_quant_retrain_model(config, model, folder.file("record.txt"), image,
                                           {.quantize_shortcuts = !float_shortcuts});
}

void run(const Options& o, const Case& c) {
  octet::kernels::set_num_threads(o.threads);
  if (o.thread_dependent) octet::kernels::set_batch_sum(octet::kernels::BatchSum::kThreadDependent);
  octet::Rng rng(1);
  auto net = octet::make_model(o.model, {.in_channels = 3, .num_classes = c.classes}, rng);
  if (o.qat) net = quantized(*net, random_images({1, 3, c.size, c.size}, rng), o.float_shortcuts);
  octet::SGD sgd(*net, {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});
  const octet::Tensor images = random_images({c.batch, 3, c.size, c.size}, rng);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(c.batch));
  for (std::int64_t& label : labels) label = rng.below(static_cast<std::uint32_t>(c.classes));

  const auto step = [&] {
    sgd.zero_grad();
    octet::cross_entropy((*net)(images), labels).backward();
    sgd.step();
  };
  timed(o.warmup, step);
  if (!o.serve) {
    std::cout << report(timed(o.steps, step)) << '\n';
    return;
  }
  std::cout << nlohmann::json{{"ready", true}, {"model", o.model}, {"batch", c.batch}, {"threads", o.threads}}
            << std::endl;
  int steps = 0;
  for (std::string command; std::cin >> command && command == "step" && std::cin >> steps;)
    std::cout << report(timed(steps, step)) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, Case> cases{{"resnet20", {128, 32, 10}}, {"resnet18", {16, 224, 1000}}};
  CLI::App app("Times training steps of a ResNet on a random batch.");
  Options o;
  app.add_option("model", o.model, "resnet20 (batch 128, 3x32x32) or resnet18 (batch 16, 3x224x224)")->required();
  app.add_option("--batch", o.batch, "another batch size")->check(CLI::PositiveNumber);
  app.add_option("--threads", o.threads)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--warmup", o.warmup, "steps before the first timed one")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--steps", o.steps)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--serve", o.serve, "obey `step K` lines on standard input");
  app.add_flag("--thread-dependent", o.thread_dependent, "let oneDNN sum weight gradients in the order it likes best");
  CLI::Option* const qat = app.add_flag("--qat", o.qat, "quantization-aware training of every layer");
  app.add_flag("--float-shortcuts", o.float_shortcuts, "shortcuts read floats")->needs(qat);
  CLI11_PARSE(app, argc, argv);

  const auto found = cases.find(o.model);
  if (found == cases.end()) {
    std::cerr << "unknown model " << o.model << ": resnet20 or resnet18\n";
    return 2;
  }
  Case c = found->second;
  if (o.batch > 0) c.batch = o.batch;
  try {
    run(o, c);
  } catch (const std::exception& error) {
    std::cerr << "bench_train_step: " << error.what() << '\n';
    return 1;
  }
}
