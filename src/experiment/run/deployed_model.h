// SPDX-License-Identifier: Apache-2.0
// An ONNX file with what octet eval and octet run must know of images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/data/transform.h"
#include "octet/deploy/model.h"
#include "octet/experiment/run/trained_model.h"

namespace octet {

struct DeployedModel {
  deploy::Model model;
  std::optional<Experiment> experiment;  ///< whose test data evaluate() takes
  Transform transforms;                  ///< from an image to the network's input
  std::vector<std::string> class_names;
};

/// Files that Octet wrote say in their metadata by which experiment they were trained ("experiment", "class_names");
/// other files need one named. Throws Error if there is neither, or if the network does not end in one value per class.
DeployedModel load_deployed_model(const std::filesystem::path& onnx, const std::optional<Experiment>& experiment = {});

/// How images become the input of a network, where its file does not say it or says it wrongly.
struct ImageInput {
  /// Images are resized until their shorter side has this length, and the network sees the middle.
  std::optional<std::int64_t> shorter_side = {};
  std::optional<Normalize> normalize = {};
  std::vector<std::string> class_names = {};
};
/// A file of any origin, on images. What `input` leaves open is what its metadata says; where that is silent, images
/// are resized to the network's size whatever their shape, have values from 0 to 1, and classes have numbers. Throws
/// Error if the network does not take images [N, C, H, W], if it does not end in one value per class, or if `input`
/// does not fit it.
DeployedModel load_deployed_model(const std::filesystem::path& onnx, const ImageInput& input);

/// Over the experiment's test data. Throws Error if there is none.
Evaluation evaluate(const DeployedModel& model);

/// All classes, likeliest first.
std::vector<Prediction> predict(const DeployedModel& model, const Image& image);

}  // namespace octet
