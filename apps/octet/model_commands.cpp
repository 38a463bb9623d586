// SPDX-License-Identifier: Apache-2.0
// octet eval and octet predict: what a trained network is asked.
#include "commands.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/data/image_file.h"
#include "octet/experiment/file/evaluation_experiment.h"
#include "octet/experiment/run/trained_model.h"
#include "print_model.h"

namespace {

octet::TrainedModel load(const std::filesystem::path& model, const std::filesystem::path& experiment,
                         const std::vector<octet::Override>& overrides) {
  if (experiment.empty()) return octet::load_trained_model(model);
  return octet::load_trained_model(model, octet::read_experiment(experiment, overrides));
}

}  // namespace

int run(const EvalCommand& command) {
  if (command.model.extension() == ".onnx") return evaluate_onnx(command);
  octet::TrainedModel model = load(command.model, command.experiment, command.overrides);
  if (command.experiment.empty())
    model.experiment = octet::evaluation_experiment(model.experiment, command.model, {.overrides = command.overrides});
  octet::Observer quiet;
  print_evaluation(octet::evaluate(model, quiet));
  return kSuccess;
}

int run(const PredictCommand& command) {
  const octet::TrainedModel model = load(command.model, command.experiment, {});
  const std::int64_t channels = model.experiment.model.options.in_channels;
  octet::require(channels == 1 || channels == 3, "predict: image files have 1 or 3 channels, the network wants ",
                 channels);
  for (const std::filesystem::path& path : command.images)
    print_predictions(path, octet::predict(model, octet::read_image(path, channels)), command.top);
  return kSuccess;
}
