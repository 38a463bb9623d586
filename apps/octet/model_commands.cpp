// SPDX-License-Identifier: Apache-2.0
// octet eval and octet predict: what a trained network is asked.
#include <fmt/format.h>

#include <algorithm>

#include "commands.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/data/image_file.h"
#include "octet/experiment/trained_model.h"
#include "progress_display.h"

namespace {

octet::TrainedModel load(const std::filesystem::path& model, const std::filesystem::path& experiment,
                         const std::vector<octet::Override>& overrides) {
  if (!experiment.empty()) return octet::load_trained_model(model, octet::read_experiment(experiment, overrides));
  octet::TrainedModel loaded = octet::load_trained_model(model);
  if (overrides.empty()) return loaded;
  const octet::Document trained = octet::to_document(loaded.experiment);
  octet::Document document = trained;
  for (const octet::Override& change : overrides) document.set(change.key, change.value);
  loaded.experiment = octet::parse_experiment(document, octet::model_names());
  for (const std::string& line : octet::differences(trained, octet::to_document(loaded.experiment)))
    octet::require(!line.starts_with("model.") && !line.starts_with("quantization"),
                   "--set cannot change the network that was trained (", line, ")");
  return loaded;
}

}  // namespace

int run(const EvalCommand& command) {
  if (command.model.extension() == ".onnx") return evaluate_onnx(command);
  const octet::TrainedModel model = load(command.model, command.experiment, command.overrides);
  octet::Observer quiet;
  const octet::Evaluation result = octet::evaluate(model, quiet);
  fmt::print("{} test images: accuracy {}, loss {:.4f}\n", result.images, percent(result.accuracy), result.loss);
  return kSuccess;
}

int run(const PredictCommand& command) {
  const octet::TrainedModel model = load(command.model, command.experiment, {});
  const std::int64_t channels = model.experiment.model.options.in_channels;
  octet::require(channels == 1 || channels == 3, "predict: image files have 1 or 3 channels, the network wants ",
                 channels);
  for (const std::filesystem::path& path : command.images) {
    const std::vector<octet::Prediction> predictions = octet::predict(model, octet::read_image(path, channels));
    fmt::print("{}\n", octet::printable(path.string()));
    const auto shown = std::min(predictions.size(), static_cast<std::size_t>(command.top));
    for (std::size_t i = 0; i < shown; ++i)
      fmt::print("  {:>9}  {}\n", percent(predictions[i].probability), octet::printable(predictions[i].class_name));
  }
  return kSuccess;
}
