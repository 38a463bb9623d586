// SPDX-License-Identifier: Apache-2.0
// Runs an experiment.
#pragma once

#include <atomic>
#include <filesystem>

#include "octet/experiment/file/experiment.h"
#include "octet/experiment/run/observer.h"

namespace octet {

struct TrainOptions {
  std::filesystem::path run_directory = {};  ///< empty: as the experiment says, see run_directory.h
  bool resume = false;                       ///< go on from the directory's checkpoint
  /// Resume although oneDNN or its instruction set is not the one that the checkpoint was computed with. The run then
  /// ends with other bits than a straight one; manifest.json lists under "machines" what computed which steps.
  bool allow_other_machine = false;
  /// May be null. When it becomes true (a signal handler may do that), the run writes a checkpoint after its current
  /// step and returns.
  const std::atomic<bool>* stop = nullptr;
};

/// Trains and leaves behind what run_directory.h lists. The weights depend on the experiment and the data only: not on
/// the number of threads or workers, nor on stops and resumes; and on oneDNN and its instruction set, so that a run is
/// not resumed with others of these unless the options allow it. Throws Error if the experiment, the data or a
/// checkpoint does not fit, if a file cannot be written, and if the loss is not finite any more.
RunResult train(const Experiment& experiment, Observer& observer, const TrainOptions& options = {});

}  // namespace octet
