// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/deploy_run.h"

#include "octet/base/error.h"
#include "octet/config/document.h"
#include "octet/experiment/file/run_directory.h"

namespace octet {

std::map<std::string, std::string> deployed_metadata(const TrainedModel& model) {
  Document names = Document::list();
  for (const std::string& name : model.class_names) names.append(name);
  return {{"experiment", to_json(to_document(model.experiment))}, {"class_names", to_json(names)}};
}

SavedModels deploy_run(const std::filesystem::path& run_directory, const DeployOptions& options) {
  require(std::filesystem::is_directory(run_directory), run_directory.string(), ": there is no such run directory");
  const RunDirectory directory{run_directory};
  const TrainedModel model = load_trained_model(run_directory);
  require(model.experiment.quantization.has_value(), run_directory.string(),
          ": the run's experiment has no quantization; octet retrain runs one that has");
  std::filesystem::path prefix = options.prefix;
  if (prefix.empty()) prefix = directory.root / (options.format == DeployFormat::kAscend ? "ascend" : "");
  Shape input = model.input_shape;
  input.insert(input.begin(), 1);
  return save_quant_retrain_model(directory.quant_config(), *model.module, directory.record(), prefix,
                                  Tensor::zeros(input),
                                  {.format = options.format, .metadata = deployed_metadata(model)});
}

}  // namespace octet
