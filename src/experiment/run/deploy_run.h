// SPDX-License-Identifier: Apache-2.0
// From a run with quantization to the files that are deployed.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "octet/compat/save_quant_retrain_model.h"
#include "octet/experiment/run/trained_model.h"

namespace octet {

struct DeployOptions {
  /// How the files' names begin; "": they lie in the run directory, called deploy_model.onnx and fake_quant_model.onnx,
  /// with "ascend_" before it in that format.
  std::filesystem::path prefix = {};
  DeployFormat format = DeployFormat::kQdq;
};

/// save_quant_retrain_model() of a complete run. Throws Error if the run is not complete or has no quantization.
SavedModels deploy_run(const std::filesystem::path& run_directory, const DeployOptions& options = {});

/// What an ONNX file must say of a network so that load_deployed_model() can use it on images.
std::map<std::string, std::string> deployed_metadata(const TrainedModel& model);

}  // namespace octet
