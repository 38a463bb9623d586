// SPDX-License-Identifier: Apache-2.0
// What a deployed network has gained and lost against the float network that it was, measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "octet/deploy/model.h"
#include "octet/experiment/file/experiment.h"
#include "octet/experiment/report/training_curve.h"
#include "octet/experiment/run/evaluate.h"
#include "octet/experiment/run/observer.h"
#include "octet/quant/activation_ranges.h"

namespace octet {

/// What a network costs that octet::deploy runs from a file.
struct DeployedCost {
  std::filesystem::path file;
  std::uint64_t file_bytes;
  double milliseconds;          ///< for one image, median
  double images_per_second;     ///< in batches of 32, likewise
  std::int64_t peak_bytes = 0;  ///< of a process that runs such batches; 0: nobody has looked
};

struct DeploymentReport {
  std::string name, model;  ///< of the experiment, and its network
  int threads;              ///< that computed
  Evaluation before;        ///< of the float network that retraining began with
  Evaluation retrained;     ///< as training sees it
  Evaluation deployed;      ///< of the file

  // Between these two, over the same images.
  std::int64_t differing_predictions = 0;
  std::int64_t logits = 0, differing_logits = 0;  ///< in any bit

  DeployedCost float_cost, int8_cost;
  std::vector<ActivationRange> ranges;    ///< over the test data
  std::vector<deploy::LayerTime> layers;  ///< of the deployed network, for one image
  TrainingCurve float_curve;              ///< empty if the float network is not that of a run
  TrainingCurve retraining_curve;
};

struct DeploymentReportOptions {
  std::vector<Override> overrides = {};  ///< where data or float weights lie now
  double seconds = 2.0;  ///< for each of the two measurements of speed; they end after at least five rounds
};

/// Of a complete run with quantization whose file deploy_run() has written, on its test data. Writes the float network
/// beside it (RunDirectory::float_network()). Throws Error if there is no such file, if the float network is no longer
/// where quantization.weights says or is another one by now, if results are not finite, and what
/// evaluation_experiment() throws.
DeploymentReport deployment_report(const std::filesystem::path& run_directory, Observer& observer,
                                   const DeploymentReportOptions& options = {});

}  // namespace octet
