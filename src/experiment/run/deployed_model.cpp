// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/deployed_model.h"

#include <algorithm>
#include <utility>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/experiment/run/predictions.h"
#include "octet/experiment/run/setup.h"

namespace octet {
namespace {

constexpr std::int64_t kBatch = 32;

// The image as the network takes it: channels first.
void append_input(const DeployedModel& model, const Image& image, std::int64_t index, std::vector<float>& input) {
  const std::int64_t seed = model.experiment ? model.experiment->seed : 0;
  Rng rng = Rng(static_cast<std::uint64_t>(seed)).fork(static_cast<std::uint64_t>(index));
  const Image ready = apply_steps(model.transforms, image, rng);
  std::vector<float> values(ready.pixels.size());
  to_float(model.transforms, ready, rng, values);
  const Shape expected = model.model.input_shape(), shape{ready.channels, ready.height, ready.width};
  require(expected.size() == 4 && std::ranges::equal(shape, std::span(expected).subspan(1)),
          "the network takes images of ", expected, " (batch, channels, height, width), this one has ", shape,
          " after test_transforms");
  const std::int64_t pixels = ready.height * ready.width;
  for (std::int64_t c = 0; c < ready.channels; ++c)
    for (std::int64_t i = 0; i < pixels; ++i) input.push_back(values[static_cast<std::size_t>(i * ready.channels + c)]);
}

// The logits [images, classes] of the first images of `input`, which holds as many as the network runs at once.
Tensor run(const deploy::Model& model, std::vector<float> input, std::int64_t images) {
  const std::int64_t fixed = model.input_shape()[0], batch = fixed > 0 ? fixed : images;
  input.resize(input.size() / static_cast<std::size_t>(images) * static_cast<std::size_t>(batch));
  std::vector<float> logits = model.run(input, batch);
  const std::int64_t classes = std::ssize(logits) / batch;
  logits.resize(static_cast<std::size_t>(images * classes));
  return Tensor::from_values({images, classes}, logits);
}

/// With what its metadata says.
DeployedModel load(const std::filesystem::path& onnx) {
  DeployedModel loaded{deploy::Model::load(onnx), {}, {}, {}};
  const auto& metadata = loaded.model.metadata();
  const auto said = metadata.find("experiment"), names = metadata.find("class_names");
  if (said != metadata.end())
    loaded.experiment = parse_experiment(parse_json(said->second, text(onnx.string(), " (experiment)")), model_names());
  const Shape output = loaded.model.output_shape();
  require(output.size() == 2, onnx.string(), ": the network must give a row of values per image, gives ", output);
  if (names != metadata.end()) {
    const Document list = parse_json(names->second, text(onnx.string(), " (class_names)"));
    for (const Document& name : list.items()) loaded.class_names.push_back(name.as_string());
  }
  for (std::int64_t i = std::ssize(loaded.class_names); i < output[1]; ++i)
    loaded.class_names.push_back(std::to_string(i));
  return loaded;
}

}  // namespace

DeployedModel load_deployed_model(const std::filesystem::path& onnx, const std::optional<Experiment>& experiment) {
  DeployedModel model = load(onnx);
  if (experiment) model.experiment = experiment;
  require(model.experiment.has_value(), onnx.string(),
          ": its metadata has no \"experiment\", as files that Octet wrote do; name one with --experiment FILE.yaml");
  model.transforms = model.experiment->test_transforms;
  return model;
}

DeployedModel load_deployed_model(const std::filesystem::path& onnx, const ImageInput& input) {
  DeployedModel model = load(onnx);
  const Shape shape = model.model.input_shape();
  require(shape.size() == 4 && *std::ranges::min_element(shape.begin() + 1, shape.end()) > 0, onnx.string(),
          ": the network does not take images of one size [batch, channels, height, width], but ", shape);
  const Size2 size(shape[2], shape[3]);
  if (model.experiment) model.transforms = model.experiment->test_transforms;
  // A crop pads what is smaller, as torchvision's does: no image would fill the network's input.
  require(!input.shorter_side || *input.shorter_side >= std::min(size.h, size.w), onnx.string(),
          ": the network takes images of ", size, ", which a shorter side of ", input.shorter_side.value_or(0),
          " does not fill");
  if (input.shorter_side)
    model.transforms.steps = {ResizeShorterSide{*input.shorter_side}, CenterCrop{size}};
  else if (!model.experiment)
    model.transforms.steps = {Resize{size}};
  if (input.normalize) model.transforms.normalize = *input.normalize;
  validate(model.transforms);
  if (!input.class_names.empty()) {
    require(input.class_names.size() == model.class_names.size(), onnx.string(), ": the network has ",
            counted(std::ssize(model.class_names), "class", "classes"), ", but ",
            counted(std::ssize(input.class_names), "name was", "names were"), " given for them");
    model.class_names = input.class_names;
  }
  return model;
}

Evaluation evaluate(const DeployedModel& model) {
  const FloatEnvironment numbers;
  require(model.experiment.has_value(), "evaluate: the model has no experiment, whose test data it would be");
  const std::shared_ptr<const Dataset> data = detail::open_test_set(*model.experiment);
  const std::int64_t fixed = model.model.input_shape()[0], batch = fixed > 0 ? fixed : kBatch;
  EvaluationSum sum;
  for (std::int64_t first = 0; first < data->size(); first += batch) {
    const std::int64_t count = std::min(batch, data->size() - first);
    std::vector<float> input;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = first; i < first + count; ++i) {
      const Sample sample = data->get(i);
      append_input(model, sample.image, i, input);
      labels.push_back(sample.label);
    }
    const Tensor logits = run(model.model, std::move(input), count);
    for (std::size_t i = 0; i < labels.size(); ++i)
      require(labels[i] < logits.dim(1), "label ", labels[i], " of image ", first + static_cast<std::int64_t>(i),
              ": the network has ", counted(logits.dim(1), "class", "classes"));
    sum.add(logits, labels);
  }
  return sum.mean();
}

std::vector<Prediction> predict(const DeployedModel& model, const Image& image) {
  const FloatEnvironment numbers;
  std::vector<float> input;
  append_input(model, image, 0, input);
  return detail::predictions(run(model.model, std::move(input), 1), model.class_names);
}

}  // namespace octet
