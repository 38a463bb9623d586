// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/trained_model.h"

#include <utility>

#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/data/batch.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/network.h"
#include "octet/experiment/run/predictions.h"
#include "octet/experiment/run/run_weights.h"
#include "octet/experiment/run/setup.h"
#include "octet/nn/safetensors.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// The parts of a weight file's header that a run writes.
class Header {
 public:
  explicit Header(fs::path path) : path_(std::move(path)), metadata_(safetensors::File::read(path_).metadata()) {}

  Document document(const std::string& key) const {
    const auto found = metadata_.find(key);
    require(found != metadata_.end(), path_.string(), ": its header has no \"", key,
            "\", as weights that Octet trained do; name their experiment with --experiment FILE.yaml");
    return parse_json(found->second, text(path_.string(), " (", key, ")"));
  }
  /// [C, H, W].
  Shape input_shape() const {
    const Document shape = document("input_shape");
    Shape sizes;
    for (const Document& size : shape.items()) sizes.push_back(size.as_integer());
    require(sizes.size() == 3, path_.string(), ": its header does not fit its experiment (input_shape ", sizes, ")");
    return sizes;
  }
  /// As it is; "" if there is none.
  std::string text_of(const std::string& key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? "" : found->second;
  }

 private:
  fs::path path_;
  safetensors::Metadata metadata_;
};

}  // namespace

TrainedModel load_trained_model(const fs::path& weights, const Experiment& experiment) {
  const fs::path file = weights_file(weights);
  TrainedModel model{.module = {},
                     .experiment = experiment,
                     .class_names = numbered_classes(experiment.model.options.num_classes),
                     .input_shape = {}};
  std::string quant_config;
  if (experiment.quantization) {
    const Header header(file);
    model.input_shape = header.input_shape();
    quant_config = header.text_of("quant_config");
    model.float_weights_sha256 = header.text_of("float_weights_sha256");
  }
  model.module = detail::network_of_make(experiment, model.input_shape, quant_config, file.string()).module;
  detail::load_run_weights(*model.module, weights);
  model.module->eval();
  return model;
}

TrainedModel load_trained_model(const fs::path& path) {
  const fs::path weights = weights_file(path);
  const Header header(weights);
  TrainedModel model = load_trained_model(path, parse_experiment(header.document("experiment"), model_names()));
  model.input_shape = header.input_shape();
  model.class_names.clear();
  const Document names = header.document("class_names");
  for (const Document& name : names.items()) model.class_names.push_back(name.as_string());
  const auto classes = static_cast<std::size_t>(model.experiment.model.options.num_classes);
  require(model.class_names.size() <= classes, weights.string(), ": its header does not fit its experiment (",
          model.class_names.size(), " class names for ", classes, " classes)");
  for (std::size_t i = model.class_names.size(); i < classes; ++i) model.class_names.push_back(std::to_string(i));
  return model;
}

Evaluation evaluate(const TrainedModel& model, Observer& observer) {
  const DataLoader data = detail::test_loader(model.experiment, detail::open_test_set(model.experiment));
  return *evaluate(*model.module, data, observer);
}

std::vector<Prediction> predict(const TrainedModel& model, const Image& image) {
  const FloatEnvironment numbers;
  Rng rng(static_cast<std::uint64_t>(model.experiment.seed));
  const Tensor x = to_tensor(image, model.experiment.test_transforms, rng);
  const Shape shape(x.shape().begin() + 1, x.shape().end());
  require(model.input_shape.empty() || shape == model.input_shape, "predict: the network was trained on images of ",
          model.input_shape, " (channels, height, width), this one has ", shape, " after test_transforms");
  const NoGrad no_grad;
  return detail::predictions((*model.module)(x), model.class_names);
}

}  // namespace octet
