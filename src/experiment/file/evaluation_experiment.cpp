// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/file/evaluation_experiment.h"

#include <string>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/experiment/file/experiment_paths.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/nn/models.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// The experiment of the run in whose directory the model lies; null if there is none.
Document experiment_of_run(const fs::path& model) {
  const RunDirectory directory{fs::is_directory(model) ? model : model.parent_path()};
  std::error_code ignored;
  if (!fs::is_regular_file(directory.manifest(), ignored)) return {};
  return read_manifest(directory).at("experiment");
}

const Document* value_of(const Document& experiment, const char* section, const char* key) {
  const Document* const map = experiment.is_null() ? nullptr : experiment.find(section);
  return map && map->kind() == Document::Kind::kMap ? map->find(key) : nullptr;
}

/// The paths of an experiment that are about to be opened though nobody asked.
class Unasked {
 public:
  Unasked(const Document& now, const Document& run) : now_(now), run_(run) {}

  void add(const char* section, const char* key, const std::string& path) {
    const Document *const value = value_of(now_, section, key), *const of_run = value_of(run_, section, key);
    if (value && detail::is_override(*value)) return;
    if (of_run && of_run->kind() == Document::Kind::kString && of_run->as_string() == path) return;
    found_ += text(found_.empty() ? "" : ", ", section, '.', key, ' ', in_quotes(path));
    remedy_ += text(remedy_.empty() ? "" : " ", "--set ", section, '.', key, "=PATH");
  }
  /// `also`: another way out.
  void throw_if_any(const fs::path& model, const char* also) const {
    require(found_.empty(), printable(model.string()),
            ": its metadata names paths that are opened only if you ask for them (", found_, "): name them with ",
            remedy_, also);
  }

 private:
  const Document &now_, &run_;
  std::string found_, remedy_;
};

}  // namespace

Experiment evaluation_experiment(const Experiment& said, const fs::path& model, const EvaluationUse& use) {
  const Document trained = to_document(said);
  Document document = trained;
  for (const Override& change : use.overrides) document.set(change.key, change.value);
  Experiment experiment = parse_experiment(document, model_names());
  for (const std::string& line : differences(trained, to_document(experiment)))
    require(
        line.starts_with("quantization.weights:") || (!line.starts_with("model.") && !line.starts_with("quantization")),
        "--set cannot change the network that was trained (", line, ")");

  const Document run = experiment_of_run(model);
  Unasked unasked(document, run);
  for (const detail::DataPath& named : detail::data_paths(experiment.data))
    if (named.serves(Split::kTest) && *named.path != kFashionMnistDirectory)
      unasked.add("data", named.key, *named.path);
  if (use.float_weights && experiment.quantization)
    unasked.add("quantization", "weights", experiment.quantization->weights);
  unasked.throw_if_any(model, use.float_weights ? "" : ", or an experiment of yours with --data FILE.yaml");
  return experiment;
}

}  // namespace octet
