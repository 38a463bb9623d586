// SPDX-License-Identifier: Apache-2.0
// A display that may fail without ending the run that it shows.
#pragma once

#include <system_error>

#include "octet/experiment/run/observer.h"

/// Tells another observer everything, until that cannot write any more.
class LastingObserver final : public octet::Observer {
 public:
  explicit LastingObserver(octet::Observer& observer) : observer_(observer) {}

  void started(const octet::RunStart& start) override {
    tell([&] { observer_.started(start); });
  }
  void stepped(const octet::StepReport& step) override {
    tell([&] { observer_.stepped(step); });
  }
  void evaluating(const octet::EvaluationReport& evaluation) override {
    tell([&] { observer_.evaluating(evaluation); });
  }
  void epoch_ended(const octet::EpochReport& epoch) override {
    tell([&] { observer_.epoch_ended(epoch); });
  }

 private:
  template <typename Tell>
  void tell(const Tell& tell) {
    if (lost_) return;
    try {
      tell();
    } catch (const std::system_error&) {
      lost_ = true;
    }
  }

  octet::Observer& observer_;
  bool lost_ = false;
};
