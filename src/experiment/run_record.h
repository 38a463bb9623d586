// SPDX-License-Identifier: Apache-2.0
// RunRecord: what a run leaves in its directory while it goes on. Private to the room.
#pragma once

#include <optional>
#include <string>

#include "octet/base/document.h"
#include "octet/experiment/checkpoint.h"
#include "octet/experiment/experiment.h"
#include "octet/experiment/network.h"
#include "octet/experiment/observer.h"
#include "octet/experiment/progress.h"
#include "octet/experiment/run_directory.h"
#include "octet/experiment/run_log.h"
#include "octet/experiment/setup.h"
#include "octet/experiment/train.h"

namespace octet::detail {

class RunRecord {
 public:
  /// Reads all data once, for its hashes, and, of a run that goes on, the head of its checkpoint. Writes nothing yet.
  RunRecord(const Experiment& experiment, const Datasets& data, const TrainOptions& options);

  /// The run's network; if the run goes on, its state is still to come.
  const Network& network() const { return network_; }
  /// As in RunStart.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Where the run begins: at its start, in a new directory, or at the checkpoint, whose state the network and
  /// `optimizer` then have.
  Progress begin(Optimizer& optimizer);

  void log_step(const StepReport& step, double images_per_second);
  void log_epoch(const EpochReport& epoch);
  void save_checkpoint(Progress& progress, Optimizer& optimizer);

  /// The run stops here, and can be resumed.
  RunResult stop(Progress& progress, Optimizer& optimizer);
  /// The run is complete: weights, the record of quantization, and the final manifest.
  RunResult complete(const Progress& progress);

  const RunDirectory& directory() const { return directory_; }

 private:
  std::vector<std::string> compare_with_float_run(const Datasets& data) const;
  void find_checkpoint();
  Progress begin_new();
  Progress resume(Optimizer& optimizer);
  void write_manifest(const char* status, const Progress& progress, const std::string& weights_sha256 = "");

  const Experiment& experiment_;
  const TrainOptions options_;
  Document experiment_document_;
  Document data_;      ///< sizes and hashes of the datasets
  Document left_out_;  ///< what lies among their files and is no sample
  Document class_names_;
  Shape input_shape_;  ///< [C, H, W] of a transformed test image
  RunDirectory directory_;
  std::optional<CheckpointHeader> checkpoint_;  ///< of a run that goes on
  Network network_;
  std::vector<std::string> warnings_;
  std::optional<RunLog> log_;
  std::string started_;
};

}  // namespace octet::detail
