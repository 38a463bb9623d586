// SPDX-License-Identifier: Apache-2.0
// RunRecord: what a run leaves in its directory while it goes on. Private to the room.
#pragma once

#include <optional>
#include <string>

#include "octet/base/document.h"
#include "octet/experiment/experiment.h"
#include "octet/experiment/observer.h"
#include "octet/experiment/progress.h"
#include "octet/experiment/run_directory.h"
#include "octet/experiment/run_log.h"
#include "octet/experiment/setup.h"
#include "octet/experiment/train.h"

namespace octet::detail {

class RunRecord {
 public:
  /// Makes or finds the run's directory. Reads all data once, for its hashes.
  RunRecord(const Experiment& experiment, const Datasets& data, const TrainOptions& options);

  /// Where the run begins: at its start, or at the checkpoint, whose state `module` and `optimizer` then have.
  Progress begin(Module& module, Optimizer& optimizer);

  void log_step(const StepReport& step, double images_per_second);
  void log_epoch(const EpochReport& epoch);
  void save_checkpoint(Progress& progress, Module& module, Optimizer& optimizer);

  /// The run stops here, and can be resumed.
  RunResult stop(Progress& progress, Module& module, Optimizer& optimizer);
  /// The run is complete: weights and final manifest.
  RunResult complete(const Progress& progress, Module& module);

  const RunDirectory& directory() const { return directory_; }

 private:
  Progress begin_new();
  Progress resume(Module& module, Optimizer& optimizer);
  void write_manifest(const char* status, const Progress& progress, const std::string& weights_sha256 = "");

  const Experiment& experiment_;
  Document experiment_document_;
  Document data_;  ///< sizes and hashes of the datasets
  Document class_names_;
  Document input_shape_;  ///< [C, H, W] of a transformed test image
  bool resuming_, allow_other_machine_;
  RunDirectory directory_;
  std::optional<RunLog> log_;
  std::string started_;
};

}  // namespace octet::detail
