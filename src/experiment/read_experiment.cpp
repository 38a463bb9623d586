// SPDX-License-Identifier: Apache-2.0
// read_experiment of experiment.h.
#include "octet/base/file.h"
#include "octet/experiment/experiment.h"
#include "octet/experiment/experiment_paths.h"
#include "octet/nn/models.h"

namespace octet {

Experiment read_experiment(const std::filesystem::path& path, std::span<const Override> overrides) {
  const std::string text = read_file(path, DocumentLimits().max_bytes);
  Document document = path.extension() == ".json" ? parse_json(text, path.string()) : parse_yaml(text, path.string());
  for (const Override& change : overrides) document.set(change.key, change.value);
  Experiment experiment = parse_experiment(document, model_names());
  detail::resolve_paths(experiment, document, path.parent_path());
  return with_float_transforms(std::move(experiment));
}

}  // namespace octet
