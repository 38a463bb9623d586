// SPDX-License-Identifier: Apache-2.0
// An observer that keeps what it hears, and can act on it.
#pragma once

#include <functional>
#include <vector>

#include "octet/experiment/run/observer.h"

namespace octet::test {

struct RunRecorder final : Observer {
  std::vector<RunStart> starts = {};
  std::vector<StepReport> steps = {};
  std::vector<EvaluationReport> evaluations = {};
  std::vector<EpochReport> epochs = {};
  std::function<void(const StepReport&)> on_step = nullptr;
  std::function<void(const EvaluationReport&)> on_evaluation = nullptr;
  std::function<void(const EpochReport&)> on_epoch = nullptr;

  void started(const RunStart& start) override { starts.push_back(start); }
  void stepped(const StepReport& step) override {
    steps.push_back(step);
    if (on_step) on_step(step);
  }
  void evaluating(const EvaluationReport& evaluation) override {
    evaluations.push_back(evaluation);
    if (on_evaluation) on_evaluation(evaluation);
  }
  void epoch_ended(const EpochReport& epoch) override {
    epochs.push_back(epoch);
    if (on_epoch) on_epoch(epoch);
  }
};

}  // namespace octet::test
