// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "commands.h"
#include "octet/experiment/run_directory.h"
#include "octet/experiment/train.h"
#include "progress_display.h"
#include "stop_signal.h"

int run(const TrainCommand& command) {
  const octet::Experiment experiment = octet::read_experiment(command.experiment, command.overrides);
  const octet::TrainOptions options{.run_directory = command.run_directory,
                                    .resume = command.resume,
                                    .allow_other_machine = command.allow_other_machine,
                                    .stop = &catch_stop_signals()};
  octet::RunResult result;
  {
    ProgressDisplay display;
    result = octet::train(experiment, display, options);
  }
  const octet::RunDirectory directory{result.directory};
  if (!result.complete) {
    fmt::print("\nstopped after step {}; to go on:\n  octet train {} --resume --run-dir {}\n", result.steps,
               directory.experiment().string(), directory.root.string());
    return kInterrupted;
  }
  fmt::print("\ntest accuracy {} after {} steps\n", percent(result.epochs.back().test_accuracy), result.steps);
  fmt::print("weights {}\n", result.weights_sha256);
  fmt::print("run directory {}\n", directory.root.string());
  return kSuccess;
}
