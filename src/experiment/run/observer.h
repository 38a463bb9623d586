// SPDX-License-Identifier: Apache-2.0
// What a run tells while it goes on. The library prints nothing: the octet command shows these, and so may any program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "octet/quant/retrain_report.h"

namespace octet {

struct RunStart {
  std::filesystem::path directory;
  std::string model;
  std::int64_t parameters;  ///< trainable values
  std::int64_t train_samples, test_samples;
  std::int64_t epochs;           ///< of the run
  std::int64_t steps_per_epoch;  ///< of a whole epoch
  std::int64_t total_steps;
  std::int64_t first_step;                 ///< 0, or where the run is resumed
  QuantRetrainReport quantization = {};    ///< without layers if there is none
  std::vector<std::string> left_out = {};  ///< files among the data that are no samples, a line per kind
  std::vector<std::string> warnings = {};  ///< what is not as it should be, though the run goes on
};

struct StepReport {
  std::int64_t epoch;          ///< from 1
  std::int64_t step;           ///< of the run, from 1
  std::int64_t step_in_epoch;  ///< from 1
  double lr, loss;
  std::int64_t images;  ///< in this step
  double seconds;       ///< for this step, waiting for its images included
};

/// An evaluation goes on.
struct EvaluationReport {
  std::int64_t batch, batches;  ///< done and all
};

/// A row of the run's table.
struct EpochReport {
  std::int64_t epoch;  ///< from 1
  std::int64_t step;   ///< of the run, at the end of the epoch
  double lr;           ///< of the last step
  double train_loss, train_accuracy;
  double test_loss, test_accuracy;
  double images_per_second;  ///< in training
  double train_seconds, test_seconds;
};

struct RunResult {
  std::filesystem::path directory;
  bool complete;  ///< false: stopped; a checkpoint was written
  std::int64_t steps;
  std::vector<EpochReport> epochs;  ///< of the whole run, what came before a resume included
  std::string weights_sha256;       ///< of the weights as they are now
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void started(const RunStart&) {}
  virtual void stepped(const StepReport&) {}
  virtual void evaluating(const EvaluationReport&) {}
  virtual void epoch_ended(const EpochReport&) {}
};

}  // namespace octet
