// SPDX-License-Identifier: Apache-2.0
// Shows a run on standard output: a table with a row per epoch, and meanwhile a progress bar on a terminal or a line
// now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "octet/experiment/run/observer.h"

class ProgressDisplay final : public octet::Observer {
 public:
  ProgressDisplay();
  ~ProgressDisplay() override;

  void started(const octet::RunStart& start) override;
  void stepped(const octet::StepReport& step) override;
  void evaluating(const octet::EvaluationReport& evaluation) override;
  void epoch_ended(const octet::EpochReport& epoch) override;

 private:
  using Clock = std::chrono::steady_clock;

  /// "3/12"; of very many epochs "3".
  std::string epoch_text(std::int64_t epoch) const;
  bool is_due();
  void show(double share, const std::string& text);
  void clear_bar();

  bool terminal_;
  bool bar_shown_ = false;
  octet::RunStart run_{};
  Clock::time_point last_shown_;
  std::int64_t epoch_ = 1;
  int steps_seen_ = 0;
  double seconds_per_step_ = 0, images_per_step_ = 0;  ///< smoothed
  double test_seconds_ = 0;                            ///< of the last evaluation
};

/// "0:07", "12:34", "1:02:03".
std::string clock_text(double seconds);
/// "93.86 %".
std::string percent(double share);
