// SPDX-License-Identifier: Apache-2.0
// A network with its weights and what is needed to use it on images.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "octet/data/image.h"
#include "octet/experiment/file/experiment.h"
#include "octet/experiment/run/evaluate.h"
#include "octet/nn/module.h"

namespace octet {

struct TrainedModel {
  std::unique_ptr<Module> module;  ///< in evaluation mode
  Experiment experiment;           ///< that it was trained by
  std::vector<std::string> class_names;
  Shape input_shape;  ///< [C, H, W] after the test transforms; empty if not known
  /// Of a retrained network: the hash of the float network that this began with (weights_hash.h); "" if not known.
  std::string float_weights_sha256 = {};
};

/// Reads a run directory or the weights.safetensors of one, which says itself what it is for. Throws Error if the run
/// is not complete, if the file is of other origin or not the one that the run in the directory wrote, and for weights
/// that are not finite.
TrainedModel load_trained_model(const std::filesystem::path& path);
/// Reads weights of any origin, or those of a run directory, into the experiment's network. Throws Error if names or
/// shapes do not fit, likewise otherwise.
TrainedModel load_trained_model(const std::filesystem::path& weights, const Experiment& experiment);

/// On the test data of model.experiment, with the mean loss without label smoothing.
Evaluation evaluate(const TrainedModel& model, Observer& observer);

struct Prediction {
  std::string class_name;
  double probability;
};

/// All classes, the most likely one first. Throws Error if the transformed image has not the size of those in training,
/// and if a probability is not finite.
std::vector<Prediction> predict(const TrainedModel& model, const Image& image);

}  // namespace octet
