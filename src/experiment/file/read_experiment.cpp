// SPDX-License-Identifier: Apache-2.0
// read_experiment of experiment.h.
#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_kind.h"
#include "octet/experiment/file/experiment.h"
#include "octet/experiment/file/experiment_paths.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/nn/models.h"

namespace octet {

Experiment read_experiment(const std::filesystem::path& path, std::span<const Override> overrides) {
  const std::string source = path.string();
  if (std::filesystem::is_directory(path)) {
    const std::filesystem::path recorded = RunDirectory{path}.experiment();
    fail(source, ": is a directory, not an experiment",
         std::filesystem::exists(recorded) ? text("; that of the run in it is ", recorded.string()) : "");
  }
  const std::string content = read_file(path, DocumentLimits().max_bytes);
  const std::string wrong = wrong_file(content, WantedFile::kExperiment);
  require(wrong.empty(), source, ": ", wrong);
  Document document = path.extension() == ".json" ? parse_json(content, source) : parse_yaml(content, source);
  for (const Override& change : overrides) document.set(change.key, change.value);
  Experiment experiment = parse_experiment(document, model_names());
  detail::resolve_paths(experiment, document, path.parent_path());
  return with_float_transforms(std::move(experiment));
}

}  // namespace octet
