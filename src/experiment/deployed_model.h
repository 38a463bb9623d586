// SPDX-License-Identifier: Apache-2.0
// An ONNX file with what octet eval and octet run must know of images.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "octet/deploy/model.h"
#include "octet/experiment/trained_model.h"

namespace octet {

struct DeployedModel {
  deploy::Model model;
  Experiment experiment;  ///< its test transforms and test data
  std::vector<std::string> class_names;
};

/// Files that Octet wrote say in their metadata by which experiment they were trained ("experiment", "class_names");
/// other files need one named. Throws Error if there is neither, or if the network does not end in one value per class.
DeployedModel load_deployed_model(const std::filesystem::path& onnx, const std::optional<Experiment>& experiment = {});

/// Over the experiment's test data.
Evaluation evaluate(const DeployedModel& model);

/// All classes, likeliest first.
std::vector<Prediction> predict(const DeployedModel& model, const Image& image);

}  // namespace octet
