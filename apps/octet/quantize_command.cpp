// SPDX-License-Identifier: Apache-2.0
// octet quantize-config: the configuration of a network's quantization, and what happens to each of its layers.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "columns.h"
#include "commands.h"
#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/experiment/run/trained_model.h"
#include "octet/nn/models.h"

namespace {

struct Network {
  std::unique_ptr<octet::Module> module;
  octet::Shape input;  ///< [C, H, W]
};

// Layers and their order depend on the architecture alone: weights and classes may be any.
Network named_network(const QuantizeConfigCommand& command) {
  const octet::Shape input = command.input.empty() ? octet::Shape{3, 32, 32} : command.input;
  octet::Rng rng(0);
  return {octet::make_model(command.model.string(), {.in_channels = input[0]}, rng), input};
}

Network trained_network(const QuantizeConfigCommand& command) {
  octet::TrainedModel trained =
      command.experiment.empty() ? octet::load_trained_model(command.model)
                                 : octet::load_trained_model(command.model, octet::read_experiment(command.experiment));
  const octet::Shape input = command.input.empty() ? trained.input_shape : command.input;
  octet::require(!input.empty(), command.model.string(), ": does not say how large its images are; add --input C,H,W");
  return {std::move(trained.module), input};
}

Network find_network(const QuantizeConfigCommand& command) {
  if (std::filesystem::exists(command.model)) return trained_network(command);
  const std::vector<std::string> names = octet::model_names();
  const std::string name = command.model.string();
  octet::require(std::ranges::find(names, name) != names.end(), "quantize-config: ", octet::in_quotes(name),
                 " is no run directory, weights file or network", octet::did_you_mean(name, names));
  return named_network(command);
}

void print_report(const octet::QuantRetrainReport& report) {
  std::size_t width = 0, type_width = 0;
  for (const auto& layer : report.layers) {
    width = std::max(width, display_width(octet::printable(layer.name)));
    type_width = std::max(type_width, layer.type.size());
  }
  width = std::min(width, kTableColumns / 2);
  for (const auto& layer : report.layers)
    fmt::print("{:<{}}  {:<{}}  {}\n", shortened(octet::printable(layer.name), width), width, layer.type, type_width,
               layer.quantized ? "quantized" : "skipped: " + octet::printable(layer.reason));
  for (const std::string& warning : report.warnings) fmt::print("warning: {}\n", octet::printable_lines(warning));
}

}  // namespace

int run(const QuantizeConfigCommand& command) {
  const Network network = find_network(command);
  octet::Shape shape = network.input;
  shape.insert(shape.begin(), 1);
  const octet::QuantRetrainReport report =
      octet::create_quant_retrain_config(command.output, *network.module, octet::Tensor::zeros(shape),
                                         command.definition.empty() ? std::nullopt : std::optional(command.definition));
  print_report(report);
  const auto quantized = std::ranges::count(report.layers, true, &octet::QuantRetrainReport::Layer::quantized);
  fmt::print("{} of {} {} quantized: {}\n", quantized, octet::counted(std::ssize(report.layers), "layer"),
             quantized == 1 ? "is" : "are", octet::printable(command.output.string()));
  return kSuccess;
}
