// SPDX-License-Identifier: Apache-2.0
// One rule for all commands: files that an experiment's file names are relative to that file; run directories, and
// whatever stands on the command line, to the working directory.
#include "octet/experiment/file/experiment_paths.h"

#include <system_error>

namespace octet {
namespace detail {
namespace {

namespace fs = std::filesystem;

std::vector<DataPath> paths(FashionMnistSource& s) { return {{"directory", &s.directory}}; }
std::vector<DataPath> paths(Cifar10Source& s) { return {{"directory", &s.directory}}; }
std::vector<DataPath> paths(Cifar100Source& s) { return {{"directory", &s.directory}}; }
std::vector<DataPath> paths(ImageFolderSource& s) { return {{"train", &s.train}, {"test", &s.test}}; }
std::vector<DataPath> paths(IdxSource& s) {
  return {{"train_images", &s.train_images},
          {"train_labels", &s.train_labels},
          {"test_images", &s.test_images},
          {"test_labels", &s.test_labels}};
}
std::vector<DataPath> paths(SyntheticSource&) { return {}; }

/// A run directory if there is one here, else a file beside the experiment's.
void resolve_weights(QuantizationSpec& spec, const fs::path& folder) {
  const std::string run = absolute_path(fs::path(), spec.weights);
  std::error_code ignored;
  if (fs::is_directory(run, ignored)) {
    spec.weights = run;
    return;
  }
  spec.weights = absolute_path(folder, spec.weights);
  if (!fs::exists(spec.weights, ignored) && run != spec.weights) spec.also_looked_for = run;
}

}  // namespace

bool DataPath::serves(Split split) const {
  return !std::string_view(key).starts_with(split == Split::kTrain ? "test" : "train");
}

std::vector<DataPath> data_paths(DataSource& data) {
  return std::visit([](auto& source) { return paths(source); }, data);
}

bool is_override(const Document& value) {
  return value.position().source && value.position().source->starts_with("--set ");
}

std::string absolute_path(const fs::path& folder, const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const fs::path whole = fs::absolute(folder / path, error);
  if (error) return path;
  const fs::path canonical = fs::weakly_canonical(whole, error);
  return error ? whole.string() : canonical.string();
}

void resolve_paths(Experiment& experiment, const Document& document, const fs::path& folder) {
  const auto base = [&](const Document* section, const char* key) {
    const Document* const value = section ? section->find(key) : nullptr;
    return value && is_override(*value) ? fs::path() : folder;
  };
  const Document* const data = document.find("data");
  for (const DataPath& named : data_paths(experiment.data))
    *named.path = absolute_path(base(data, named.key), *named.path);
  if (!experiment.quantization) return;
  QuantizationSpec& spec = *experiment.quantization;
  const Document* const quantization = document.find("quantization");
  resolve_weights(spec, base(quantization, "weights"));
  spec.config = absolute_path(base(quantization, "config"), spec.config);
  if (spec.definition.kind() == Document::Kind::kString)
    spec.definition = absolute_path(base(quantization, "definition"), spec.definition.as_string());
}

}  // namespace detail

Experiment with_absolute_paths(Experiment experiment) {
  detail::resolve_paths(experiment, Document::map(), std::filesystem::path());
  return experiment;
}

}  // namespace octet
