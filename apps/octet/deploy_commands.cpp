// SPDX-License-Identifier: Apache-2.0
// octet run, octet bench, and octet eval of ONNX files: what a deployed network is asked.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "commands.h"
#include "octet/base/document.h"
#include "octet/base/error.h"
#include "octet/base/rng.h"
#include "octet/base/utf8.h"
#include "octet/data/image_file.h"
#include "octet/experiment/deployed_model.h"
#include "octet/experiment/peak_memory.h"
#include "octet/experiment/run_times.h"
#include "octet/kernels/parallel.h"
#include "progress_display.h"

namespace {

octet::DeployedModel load(const std::filesystem::path& model, const std::filesystem::path& experiment,
                          const std::vector<octet::Override>& overrides = {}) {
  octet::require(overrides.empty() || !experiment.empty(), "--set needs an experiment whose values it replaces");
  if (experiment.empty()) return octet::load_deployed_model(model);
  return octet::load_deployed_model(model, octet::read_experiment(experiment, overrides));
}

std::vector<float> random_values(std::int64_t count) {
  octet::Rng rng(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = 2.0F * rng.uniform() - 1.0F;
  return values;
}

// A file may be small and its images large, and a batch has many of them.
void require_memory(std::int64_t bytes, const BenchCommand& command) {
  const std::int64_t machine = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  octet::require(bytes <= machine, "bench: ", command.model.string(), " takes ", bytes, " bytes for a batch of ",
                 command.batch, ", this machine has ", machine);
}

using Layers = std::vector<octet::deploy::LayerTime>;

void print_json(const BenchCommand& command, double milliseconds, const Layers& layers) {
  octet::Document list = octet::Document::list({});
  for (const octet::deploy::LayerTime& layer : layers)
    list.append(octet::Document::map({{"name", layer.name},
                                      {"operation", layer.operation},
                                      {"implementation", layer.implementation},
                                      {"milliseconds", layer.milliseconds},
                                      {"giga_operations", layer.giga_operations}}));
  fmt::print("{}\n", octet::to_json(octet::Document::map(
                         {{"batch", command.batch},
                          {"threads", octet::kernels::num_threads()},
                          {"milliseconds", milliseconds},
                          {"inputs_per_second", 1e3 * static_cast<double>(command.batch) / milliseconds},
                          {"peak_bytes", octet::peak_resident_bytes()},
                          {"layers", std::move(list)}})));
}

void print_table(const BenchCommand& command, double milliseconds, const Layers& layers) {
  std::size_t name_width = 5, operation_width = 9, implementation_width = 14;
  double sum = 0.0, operations = 0.0;
  for (const octet::deploy::LayerTime& layer : layers) {
    name_width = std::max(name_width, octet::printable(layer.name).size());
    operation_width = std::max(operation_width, layer.operation.size());
    implementation_width = std::max(implementation_width, layer.implementation.size());
    sum += layer.milliseconds;
    operations += layer.giga_operations;
  }
  fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>9}  {:>7}\n", "layer", name_width, "operation", operation_width,
             "implementation", implementation_width, "ms", "GOP/s");
  for (const octet::deploy::LayerTime& layer : layers)
    fmt::print(
        "{:<{}}  {:<{}}  {:<{}}  {:>9.4f}  {:>7}\n", octet::printable(layer.name), name_width, layer.operation,
        operation_width, layer.implementation, implementation_width, layer.milliseconds,
        layer.giga_operations > 0.0 ? fmt::format("{:.1f}", layer.giga_operations / layer.milliseconds * 1e3) : "");
  fmt::print("\nbatch {}, {} threads: {:.3f} ms, {:.1f} inputs/s, {:.1f} GOP/s (layers one by one: {:.3f} ms)\n",
             command.batch, octet::kernels::num_threads(), milliseconds,
             1e3 * static_cast<double>(command.batch) / milliseconds, operations / milliseconds * 1e3, sum);
}

}  // namespace

int evaluate_onnx(const EvalCommand& command) {
  const octet::Evaluation result = octet::evaluate(load(command.model, command.experiment, command.overrides));
  fmt::print("{} test images: accuracy {}, loss {:.4f}\n", result.images, percent(result.accuracy), result.loss);
  return kSuccess;
}

int run(const RunCommand& command) {
  const octet::DeployedModel model = load(command.model, command.experiment);
  const octet::Shape input = model.model.input_shape();
  const std::int64_t channels = input.size() == 4 ? input[1] : 0;
  octet::require(channels == 1 || channels == 3, "run: image files have 1 or 3 channels, the network takes ", input);
  for (const std::filesystem::path& path : command.images) {
    const std::vector<octet::Prediction> predictions = octet::predict(model, octet::read_image(path, channels));
    fmt::print("{}\n", octet::printable(path.string()));
    const auto shown = std::min(predictions.size(), static_cast<std::size_t>(command.top));
    for (std::size_t i = 0; i < shown; ++i)
      fmt::print("  {:>9}  {}\n", percent(predictions[i].probability), octet::printable(predictions[i].class_name));
  }
  return kSuccess;
}

int run(const BenchCommand& command) {
  const octet::deploy::Model model = octet::deploy::Model::load(command.model);
  require_memory(model.run_bytes(command.batch), command);
  octet::Shape shape = model.input_shape();
  shape[0] = command.batch;
  const std::vector<float> input = random_values(octet::element_count(shape));
  model.run(input, command.batch);  // the first run, which plans
  const double milliseconds = octet::median_milliseconds(model, input, command.batch, command.repetitions);
  const Layers layers = model.profile(input, command.batch, command.repetitions);
  if (command.json)
    print_json(command, milliseconds, layers);
  else
    print_table(command, milliseconds, layers);
  return kSuccess;
}
