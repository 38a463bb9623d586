// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/trained_model.h"

#include <algorithm>
#include <utility>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/data/batch.h"
#include "octet/experiment/run_directory.h"
#include "octet/experiment/setup.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

fs::path weights_path(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  const RunDirectory directory{path};
  require(fs::exists(directory.weights()), directory.weights().string(), ": there is no such file; ",
          fs::exists(directory.manifest()) ? "the run is not complete, resume it" : "the directory holds no run");
  return directory.weights();
}

}  // namespace

TrainedModel load_trained_model(const fs::path& weights, const Experiment& experiment) {
  TrainedModel model{.module = detail::initial_model(experiment),
                     .experiment = experiment,
                     .class_names = numbered_classes(experiment.model.options.num_classes),
                     .input_shape = {}};
  load_weights(*model.module, weights_path(weights));
  model.module->eval();
  return model;
}

TrainedModel load_trained_model(const fs::path& path) {
  const fs::path weights = weights_path(path);
  const safetensors::Metadata metadata = safetensors::File::read(weights).metadata();
  const auto document = [&](const std::string& key) {
    const auto found = metadata.find(key);
    require(found != metadata.end(), weights.string(), ": its header has no \"", key,
            "\", as weights that Octet trained do; name their experiment");
    return parse_json(found->second, text(weights.string(), " (", key, ")"));
  };
  TrainedModel model = load_trained_model(weights, parse_experiment(document("experiment"), model_names()));
  const Document names = document("class_names"), shape = document("input_shape");
  model.class_names.clear();
  for (const Document& name : names.items()) model.class_names.push_back(name.as_string());
  for (const Document& size : shape.items()) model.input_shape.push_back(size.as_integer());
  const auto classes = static_cast<std::size_t>(model.experiment.model.options.num_classes);
  require(model.class_names.size() <= classes && model.input_shape.size() == 3, weights.string(),
          ": its header does not fit its experiment (", model.class_names.size(), " class names for ", classes,
          " classes, input_shape ", model.input_shape, ")");
  for (std::size_t i = model.class_names.size(); i < classes; ++i) model.class_names.push_back(std::to_string(i));
  return model;
}

Evaluation evaluate(const TrainedModel& model, Observer& observer) {
  const DataLoader data = detail::test_loader(model.experiment, detail::open_test_set(model.experiment));
  return *evaluate(*model.module, data, observer);
}

std::vector<Prediction> predict(const TrainedModel& model, const Image& image) {
  Rng rng(static_cast<std::uint64_t>(model.experiment.seed));
  const Tensor x = to_tensor(image, model.experiment.test_transforms, rng);
  const Shape shape(x.shape().begin() + 1, x.shape().end());
  require(model.input_shape.empty() || shape == model.input_shape, "predict: the network was trained on images of ",
          model.input_shape, " (channels, height, width), this one has ", shape, " after test_transforms");
  const NoGrad no_grad;
  const Tensor probabilities = softmax((*model.module)(x));
  std::vector<Prediction> predictions;
  for (float probability : probabilities.values())
    predictions.push_back({model.class_names[predictions.size()], probability});
  std::stable_sort(predictions.begin(), predictions.end(),
                   [](const Prediction& a, const Prediction& b) { return a.probability > b.probability; });
  return predictions;
}

}  // namespace octet
