// SPDX-License-Identifier: Apache-2.0
// octet train and octet retrain: they run the same loop, and tell different things once it has ended.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <system_error>

#include "columns.h"
#include "commands.h"
#include "lasting_observer.h"
#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/retraining_report.h"
#include "octet/experiment/run/train.h"
#include "output.h"
#include "progress_display.h"
#include "shell_quote.h"
#include "stop_signal.h"

namespace {

/// Prints. The result of these commands is in the run directory: it does not matter whether somebody reads.
template <typename Print>
void tell(const Print& print) {
  try {
    print();
  } catch (const std::system_error&) {
    // Of fmt::print(), which has nothing more to say.
  }
  drop_lost_output();
}

/// A run that is not complete was stopped; the user then knows how to go on.
octet::RunResult run_experiment(const char* command_name, const TrainCommand& command,
                                const octet::Experiment& experiment) {
  std::signal(SIGPIPE, SIG_IGN);
  const StopSignals signals;
  const octet::TrainOptions options{.run_directory = command.run_directory,
                                    .resume = command.resume,
                                    .allow_other_machine = command.allow_other_machine,
                                    .stop = &signals.requested()};
  octet::RunResult result;
  {
    ProgressDisplay display;
    LastingObserver lasting(display);
    result = octet::train(experiment, lasting, options);
  }
  const octet::RunDirectory directory{result.directory};
  std::string settings;  // the directory's experiment has those of the start
  if (command.resume)
    for (const octet::Override& change : command.overrides)
      settings += " --set " + shell_quote(change.key + '=' + change.value);
  tell([&] {
    if (!result.complete)
      fmt::print("\nstopped after step {}; to go on:\n  octet {} {} --resume --run-dir {}{}\n", result.steps,
                 command_name, shell_quote(directory.experiment()), shell_quote(directory.root), settings);
  });
  return result;
}

int stopped() { return kStoppedBy + StopSignals::signal(); }

void print_run(const octet::RunResult& result) {
  fmt::print("weights {}\n", result.weights_sha256);
  fmt::print("run directory {}\n", octet::printable(result.directory.string()));
}

void print_layers(const std::vector<octet::ActivationRange>& layers) {
  constexpr std::size_t kNumbers = 53;  // columns of those behind the name
  std::size_t width = 5;
  for (const octet::ActivationRange& layer : layers)
    width = std::max(width, display_width(octet::printable(layer.layer)));
  width = std::min(width, kTableColumns - 2 - kNumbers);
  fmt::print("{:<{}}  {:>9}  {:>9}  {:>10}  {:>6}  {:>9}\n", "layer", width, "clip min", "clip max", "scale", "offset",
             "clipped");
  for (const octet::ActivationRange& layer : layers)
    fmt::print("{:<{}}  {:>9}  {:>9}  {:>10.3e}  {:>6}  {:>9}\n", shortened(octet::printable(layer.layer), width),
               width, number(layer.grid.clips.min, 9, 4), number(layer.grid.clips.max, 9, 4), layer.grid.grid.scale,
               layer.grid.grid.offset, number(100 * layer.clipped_share(), 7, 4) + " %");
}

void print_accuracies(const octet::RetrainingReport& report) {
  const auto row = [](const char* network, const octet::Evaluation& evaluation) {
    fmt::print("{:<22}  {:>9}  {:>8}\n", network, percent(evaluation.accuracy), number(evaluation.loss, 8, 4));
  };
  fmt::print("{:<22}  {:>9}  {:>8}\n", "network", "test acc", "loss");
  row("float", report.before);
  row("8 bits, retrained", report.after);
}

}  // namespace

int run(const TrainCommand& command) {
  const octet::Experiment experiment = octet::read_experiment(command.experiment, command.overrides);
  octet::require(!experiment.quantization, command.experiment.string(),
                 ": the experiment has quantization; octet retrain runs it");
  const octet::RunResult result = run_experiment("train", command, experiment);
  if (!result.complete) return stopped();
  tell([&] {
    fmt::print("\ntest accuracy {} after {}\n", percent(result.epochs.back().test_accuracy),
               octet::counted(result.steps, "step"));
    print_run(result);
  });
  return kSuccess;
}

int run(const RetrainCommand& command) {
  const octet::Experiment experiment = octet::read_experiment(command.train.experiment, command.train.overrides);
  octet::require(experiment.quantization.has_value(), command.train.experiment.string(),
                 ": the experiment has no quantization; octet train runs it");
  const octet::RunResult result = run_experiment("retrain", command.train, experiment);
  if (!result.complete) return stopped();
  octet::Observer quiet;
  const octet::RetrainingReport report = octet::retraining_report(result.directory, quiet);
  tell([&] {
    fmt::print("\n");
    print_layers(report.layers);
    fmt::print("\n");
    print_accuracies(report);
    fmt::print("\n");
    print_run(result);
  });
  return kSuccess;
}
