// SPDX-License-Identifier: Apache-2.0
// with_float_transforms() of experiment.h stands here, too: it asks the same file.
#include "octet/experiment/run/float_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/data/dataset.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/nn/models.h"
#include "octet/nn/safetensors.h"

namespace octet {
namespace detail {
namespace {

namespace fs = std::filesystem;

/// What the header says, if it is one that a run wrote.
void read_header(const fs::path& file, Sight& sight) {
  const safetensors::Metadata metadata = safetensors::File::read(file).metadata();
  const auto document = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? Document() : parse_json(found->second, text(file.string(), " (", key, ")"));
  };
  const Document experiment = document("experiment");
  if (experiment.is_null()) return;
  sight.experiment = parse_experiment(experiment, model_names());
  const Document names = document("class_names"), shape = document("input_shape");
  if (!names.is_null())
    for (const Document& name : names.items()) sight.class_names.push_back(name.as_string());
  if (!shape.is_null())
    for (const Document& size : shape.items()) sight.input_shape.push_back(size.as_integer());
}

void read_hashes(const RunDirectory& directory, Sight& sight) {
  if (!fs::exists(directory.manifest())) return;
  const Document manifest = read_manifest(directory);
  const Document& data = manifest.at("data");
  sight.train_sha256 = data.at("train").at("sha256").as_string();
  sight.test_sha256 = data.at("test").at("sha256").as_string();
}

/// One value per channel.
std::string channels(std::vector<float> values, const Sight& sight) {
  if (values.size() == 1)
    values.resize(static_cast<std::size_t>(sight.experiment->model.options.in_channels), values[0]);
  return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string steps(const Sight& sight) {
  Document list = Document::list();
  const Document experiment = to_document(*sight.experiment);
  for (const Document& step : experiment.at("test_transforms").items())
    if (step.at("name").as_string() != "normalize") list.append(step);
  return to_json(list);
}

bool is_numbered(const std::vector<std::string>& names) { return names == numbered_classes(std::ssize(names)); }

/// The differences as they are found.
class Comparison {
 public:
  Comparison(const Sight& here, const Sight& there, const std::string& weights)
      : here_(here), there_(there), weights_(weights) {}

  void normalization(const char* key, Transform Experiment::*transform) {
    const Normalize &here = ((*here_.experiment).*transform).normalize,
                    &there = ((*there_.experiment).*transform).normalize;
    differ(text(key, ".normalize.mean"), channels(here.mean, here_), channels(there.mean, there_));
    differ(text(key, ".normalize.std"), channels(here.stddev, here_), channels(there.stddev, there_));
  }

  void classes() {
    const std::vector<std::string>&here = here_.class_names, &there = there_.class_names;
    if (here.empty() || there.empty()) return;
    const auto count = [](const auto& names) { return counted(std::ssize(names), "class", "classes"); };
    if (here.size() != there.size()) return differ("classes", count(here), count(there));
    if (is_numbered(here) != is_numbered(there)) return;  // names that only one of them has
    const auto [a, b] = std::ranges::mismatch(here, there);
    if (a == here.end()) return;
    std::vector<std::string> sorted_here = here, sorted_there = there;
    std::ranges::sort(sorted_here);
    std::ranges::sort(sorted_there);
    differ(text(sorted_here == sorted_there ? "order of classes: " : "classes: ", "class ", a - here.begin()),
           in_quotes(*a), in_quotes(*b));
  }

  void data() {
    hash("training data", here_.train_sha256, there_.train_sha256);
    hash("test data", here_.test_sha256, there_.test_sha256);
    if (!there_.train_sha256.empty() || !here_.experiment || !there_.experiment) return;
    for (const std::string& line : differences(to_document(*here_.experiment), to_document(*there_.experiment)))
      if (line.starts_with("data.")) lines.push_back(text(line, ", that of the float network ", weights_));
  }

  void differ(const std::string& what, const std::string& here, const std::string& there) {
    if (here != there) lines.push_back(text(what, ": ", here, " here, ", there, " in the float network ", weights_));
  }

  std::vector<std::string> lines = {};

 private:
  void hash(const char* what, const std::string& here, const std::string& there) {
    constexpr std::size_t kShown = 12;
    if (!here.empty() && !there.empty())
      differ(text(what, ", sha256"), here == there ? here : here.substr(0, kShown) + "...",
             here == there ? there : there.substr(0, kShown) + "...");
  }

  const Sight &here_, &there_;
  const std::string& weights_;
};

}  // namespace

void require_float_weights(const QuantizationSpec& spec) {
  std::error_code ignored;
  if (fs::exists(spec.weights, ignored)) return;
  const std::string places = spec.also_looked_for.empty() ? text("there is no ", spec.weights)
                                                          : text("there is neither a run directory ",
                                                                 spec.also_looked_for, " nor a file ", spec.weights);
  fail("quantization.weights: ", places,
       "; train the float network first, or say where it is: --set quantization.weights=PATH");
}

Sight sight_of_weights(const fs::path& weights) {
  const fs::path file = weights_file(weights);
  const RunDirectory directory{fs::is_directory(weights) ? weights : file.parent_path()};
  Sight sight;
  try {
    read_header(file, sight);
    if (sight.experiment && file.filename() == directory.weights().filename()) read_hashes(directory, sight);
  } catch (const Error&) {
    return {};  // somebody else's file, with other things under these names
  }
  return sight;
}

std::vector<std::string> float_differences(const Sight& retraining, const Sight& before, const std::string& weights) {
  if (!before.experiment) return {};
  Comparison comparison(retraining, before, weights);
  comparison.normalization("train_transforms", &Experiment::train_transforms);
  comparison.normalization("test_transforms", &Experiment::test_transforms);
  comparison.differ("test_transforms", steps(retraining), steps(before));
  if (!retraining.input_shape.empty() && !before.input_shape.empty())
    comparison.differ("size of images", text(retraining.input_shape), text(before.input_shape));
  comparison.classes();
  comparison.data();
  return comparison.lines;
}

}  // namespace detail

Experiment with_float_transforms(Experiment experiment) {
  if (!experiment.quantization) return experiment;
  QuantizationSpec& spec = *experiment.quantization;
  const auto fill = [&](bool& is_left_out, const char* key, Transform Experiment::*transform) {
    if (!is_left_out) return;
    detail::require_float_weights(spec);
    const detail::Sight before = detail::sight_of_weights(spec.weights);
    require(before.experiment.has_value(), key, ": is left to the float network, but ", spec.weights,
            " does not say by which experiment it was trained; name the transforms, or [] for none");
    experiment.*transform = (*before.experiment).*transform;
    is_left_out = false;
  };
  fill(spec.train_transforms_of_float, "train_transforms", &Experiment::train_transforms);
  fill(spec.test_transforms_of_float, "test_transforms", &Experiment::test_transforms);
  return experiment;
}

}  // namespace octet
