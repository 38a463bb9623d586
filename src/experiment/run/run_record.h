// SPDX-License-Identifier: Apache-2.0
// RunRecord: what a run leaves in its directory while it goes on. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "octet/config/document.h"
#include "octet/experiment/file/experiment.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/checkpoint.h"
#include "octet/experiment/run/network.h"
#include "octet/experiment/run/observer.h"
#include "octet/experiment/run/progress.h"
#include "octet/experiment/run/run_lock.h"
#include "octet/experiment/run/run_log.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/train.h"

namespace octet::detail {

class RunRecord {
 public:
  /// Reads all data once, for its hashes. Of a run that goes on, takes the directory's lock and reads its checkpoint;
  /// otherwise makes nothing yet.
  RunRecord(const Experiment& experiment, const Datasets& data, const TrainOptions& options);

  /// The run's network; if the run goes on, its state is still to come.
  const Network& network() const { return network_; }

  /// As in RunStart.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Where the run begins: at its start, in a new directory or in that of a run that ended before its first checkpoint,
  /// or at the checkpoint, whose state the network and `optimizer` then have.
  Progress begin(Optimizer& optimizer);

  void log_step(const StepReport& step, double images_per_second);
  void log_epoch(const EpochReport& epoch);
  /// Nothing, if the newest checkpoint is of this moment. Throws Error if weights are not finite: the checkpoints that
  /// there are stay.
  void save_checkpoint(Progress& progress, Optimizer& optimizer);

  /// The run stops here, and can be resumed.
  RunResult stop(Progress& progress, Optimizer& optimizer);
  /// The run is complete: weights, the record of quantization, and the final manifest.
  RunResult complete(const Progress& progress);
  /// The manifest says that the run failed, and why. Throws nothing: it is that failure which is to be told.
  void record_failure(const Progress& progress, const std::string& error) noexcept;

  const RunDirectory& directory() const { return directory_; }

 private:
  /// What a manifest says of a run that is not at its start any more.
  struct Outcome {
    const char* status;
    std::string weights_sha256 = {}, error = {};
  };

  std::vector<std::string> compare_with_float_run(const Datasets& data) const;
  void find_run();
  void check_float_weights(const std::string& sha256) const;
  Progress begin_new();
  void require_own(const Document& manifest) const;
  Progress resume(Optimizer& optimizer);
  void read_epochs(const Progress& progress);
  void write_manifest(const Progress& progress, const Outcome& outcome) const;

  const Experiment& experiment_;
  const TrainOptions options_;
  Document experiment_document_;
  Document data_;      ///< sizes and hashes of the datasets
  Document left_out_;  ///< what lies among their files and is no sample
  Document class_names_;
  Shape input_shape_;  ///< [C, H, W] of a transformed test image
  RunDirectory directory_;
  std::optional<RunLock> lock_;
  std::optional<Document> manifest_;      ///< that a run which goes on has left
  std::optional<Checkpoint> checkpoint_;  ///< until its state is loaded
  OldCheckpoint newest_ = OldCheckpoint::kKeep;
  std::optional<std::pair<std::int64_t, std::int64_t>> saved_;  ///< step and epoch of the checkpoint of this moment
  Network network_;
  std::vector<std::string> warnings_;
  std::vector<EpochReport> epochs_;  ///< that ended, as far as the log has them
  std::optional<RunLog> log_;
};

}  // namespace octet::detail
