// SPDX-License-Identifier: Apache-2.0
// The octet command: what it understands. What it does is in *_command*.cpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.h"
#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/experiment/run/system_info.h"
#include "octet/kernels/core/parallel.h"
#include "output.h"
#include "thread_waiting.h"

namespace {

constexpr const char* kFooter =
    "Exit codes: 0 success, 1 error, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM,\n"
    "129 by SIGHUP.\n"
    "Example: octet train experiments/demo.yaml --set epochs=2 --set optimizer.lr=0.1";

/// Adds the option --set KEY=VALUE, which may be there several times.
void add_overrides(CLI::App& app, std::vector<octet::Override>& overrides) {
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [&](const std::vector<std::string>& settings) {
           for (const std::string& setting : settings) {
             const std::size_t equals = setting.find('=');
             if (equals == std::string::npos || equals == 0)
               throw CLI::ValidationError("--set", "expected KEY=VALUE, got \"" + setting + '"');
             overrides.push_back({setting.substr(0, equals), setting.substr(equals + 1)});
           }
         },
         "replace a value of the experiment; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_threads(CLI::App& app, std::optional<int>& threads) {
  app.add_option("--threads", threads, "threads that compute; default: one per processor")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
}

void add_options(CLI::App& app, TrainCommand& command) {
  app.add_option("experiment", command.experiment, "YAML file")->type_name("EXPERIMENT")->required();
  add_overrides(app, command.overrides);
  CLI::Option* resume = app.add_flag("--resume", command.resume, "go on from the last checkpoint, bit for bit");
  app.add_flag("--allow-other-machine", command.allow_other_machine,
               "resume although oneDNN or its instruction set is another; the weights get other bits")
      ->needs(resume);
  app.add_option("--run-dir", command.run_directory, "default: the experiment's run_dir")->type_name("DIR");
}

void add_options(CLI::App& app, RetrainCommand& command) {
  add_options(app, command.train);
  app.add_flag_callback(
      "--no-deploy",
      [&] {
        command.train.overrides.push_back({"quantization.deploy", "false"});
      },
      "train also what could not be deployed (sets quantization.deploy=false)");
}

void add_options(CLI::App& app, EvalCommand& command) {
  app.add_option("model", command.model, "run directory, weights or ONNX file")->type_name("PATH")->required();
  app.add_option("--experiment,--data", command.experiment,
                 "whose test data to take; needed for files that Octet did not make")
      ->type_name("YAML");
  add_overrides(app, command.overrides);
}

void add_options(CLI::App& app, PredictCommand& command) {
  app.add_option("model", command.model, "run directory or weights file")->type_name("PATH")->required();
  app.add_option("images", command.images, "PNG, JPEG or BMP files")->type_name("IMAGE")->required();
  app.add_option("--experiment", command.experiment, "for weights that Octet did not train")->type_name("YAML");
  app.add_option("--top", command.top, "classes to show")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

void add_options(CLI::App& app, QuantizeConfigCommand& command) {
  app.add_option("model", command.model, "run directory, weights file or network (resnet20)")
      ->type_name("MODEL")
      ->required();
  app.add_option("--experiment", command.experiment, "for weights that Octet did not train")->type_name("YAML");
  app.add_option("--out", command.output, "the file to write")->type_name("JSON")->capture_default_str();
  app.add_option("--definition", command.definition, "simplified configuration: quant.cfg, or .yaml")
      ->type_name("FILE");
  app.add_option("--input", command.input, "size of an image; default: as in training, or 3,32,32")
      ->type_name("C,H,W")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(1, 65536));
}

void add_options(CLI::App& app, RunCommand& command) {
  app.add_option("model", command.model, "ONNX file")->type_name("ONNX")->required();
  app.add_option("images", command.images, "PNG, JPEG or BMP files")->type_name("IMAGE")->required();
  CLI::Option* experiment =
      app.add_option("--experiment", command.experiment, "whose test transforms images go through")->type_name("YAML");
  const auto add_values = [&](const char* name, std::vector<float>& values, const char* description) {
    app.add_option(name, values, description)
        ->type_name("X,...")
        ->delimiter(',')
        ->expected(1, 1024)
        ->allow_extra_args(false)
        ->excludes(experiment);
  };
  add_values("--mean", command.mean,
             "of the pixels from 0 to 1, one or one per channel; default: as the file says, or 0");
  add_values("--std", command.stddev, "likewise; default: as the file says, or 1");
  app.add_option(
         "--size", command.size,
         "resize the shorter side to N and take the middle; default: as the file says, or resize the whole image")
      ->type_name("N")
      ->check(CLI::Range(1, 65536))
      ->excludes(experiment);
  app.add_option("--classes", command.classes, "a name per line; default: as the file says, or numbers")
      ->type_name("FILE")
      ->excludes(experiment);
  app.add_option("--top", command.top, "classes to show")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

void add_options(CLI::App& app, BenchCommand& command) {
  app.add_option("model", command.model, "ONNX file")->type_name("ONNX")->required();
  app.add_option("--batch", command.batch, "inputs in one run")
      ->type_name("N")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--repetitions", command.repetitions, "runs whose median is shown")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_flag("--json", command.json, "one line of JSON");
}

void add_options(CLI::App& app, DeployCommand& command) {
  app.add_option("run", command.run, "run directory of octet retrain")->type_name("RUN")->required();
  app.add_option("--out", command.prefix, "how the files' names begin; default: in the run directory")
      ->type_name("PREFIX");
  app.add_option_function<std::string>(
         "--format", [&](const std::string& format) { command.ascend = format == "ascend"; },
         "qdq (QuantizeLinear and DequantizeLinear, the default) or ascend (AscendQuant and AscendDequant)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"qdq", "ascend"}));
}

void add_options(CLI::App& app, ReportCommand& command) {
  app.add_option("run", command.run, "run directory, after octet deploy")->type_name("RUN")->required();
  add_overrides(app, command.overrides);
  app.add_option("--seconds", command.seconds, "for each of the two measurements of speed")
      ->type_name("S")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

void add_options(CLI::App&, InfoCommand&) {}

/// How a command's threads wait for each other: asleep leaves the cores to others, awake answers at once.
enum class Waiting { kAsleep, kAwake };

/// The subcommands, of which the user names one.
class Subcommands {
 public:
  explicit Subcommands(CLI::App& app) : app_(app) { app.require_subcommand(1); }

  template <typename Command>
  void add(const char* name, const char* description, Waiting waiting = Waiting::kAsleep) {
    CLI::App* subcommand = app_.add_subcommand(name, description);
    const auto command = std::make_shared<Command>();
    add_options(*subcommand, *command);
    add_threads(*subcommand, threads_);
    runs_.push_back({subcommand, waiting, [command] { return run(*command); }});
  }

  int run_parsed(char** argv) const {
    const auto named = std::ranges::find_if(runs_, [](const Run& run) { return run.subcommand->parsed(); });
    if (named->waiting == Waiting::kAsleep) let_waiting_threads_sleep(argv);
    if (threads_) octet::kernels::set_num_threads(*threads_);
    return named->run();
  }

 private:
  struct Run {
    CLI::App* subcommand;
    Waiting waiting;
    std::function<int()> run;
  };

  CLI::App& app_;
  std::optional<int> threads_;
  std::vector<Run> runs_;
};

/// The nearest name to the first word that nobody understands, as the end of a message; empty if all are understood.
std::string about_stranger(const CLI::App& app) {
  const std::vector<CLI::App*> named = app.get_subcommands();
  const CLI::App& asked = named.empty() ? app : *named.front();
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.starts_with('-') && word.size() > 1) {
      std::vector<std::string> options;
      for (const CLI::Option* option : asked.get_options())
        for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
      const std::string name = word.substr(0, word.find('='));
      return octet::text("unknown option ", octet::in_quotes(name), octet::did_you_mean(name, options));
    }
    if (!named.empty()) continue;  // a value of an unknown option, or an argument too many
    std::vector<std::string> subcommands;
    for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; }))
      subcommands.push_back(subcommand->get_name());
    return octet::text("unknown subcommand ", octet::in_quotes(word), octet::did_you_mean(word, subcommands));
  }
  return "";
}

/// Says what is wrong with the command line, or what was asked for: help, the version. Returns the exit code.
int answer(const CLI::App& app, const CLI::ParseError& error) {
  const std::string stranger = error.get_exit_code() == 0 ? "" : about_stranger(app);
  if (stranger.empty()) return app.exit(error) == 0 ? kSuccess : kUsage;
  fmt::print(stderr, "octet: {}\nRun with --help for more information.\n", stranger);
  return kUsage;
}

int run_command_line(int argc, char** argv) {
  CLI::App app("Octet trains convolutional networks on CPUs.", "octet");
  app.set_version_flag("--version", "octet " + octet::system_info().octet_version);
  app.footer(kFooter);

  Subcommands subcommands(app);
  subcommands.add<TrainCommand>("train", "run an experiment");
  subcommands.add<RetrainCommand>("retrain", "run an experiment that quantizes a trained network");
  subcommands.add<EvalCommand>("eval", "loss and accuracy on the test data");
  subcommands.add<PredictCommand>("predict", "classes of image files and their probabilities");
  subcommands.add<QuantizeConfigCommand>("quantize-config", "which layers are quantized, and how, as a file");
  subcommands.add<DeployCommand>("deploy", "ONNX files of a retrained network");
  subcommands.add<ReportCommand>("report", "a deployed network against the float one that it was", Waiting::kAwake);
  subcommands.add<RunCommand>("run", "classes of image files by a deployed network");
  subcommands.add<BenchCommand>("bench", "where a deployed network spends its time", Waiting::kAwake);
  subcommands.add<InfoCommand>("info", "versions, instruction set, threads");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = answer(app, error);
    require_output();
    return code;
  }
  const int code = subcommands.run_parsed(argv);
  require_output();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_files();
  std::string failure;
  try {
    return run_command_line(argc, argv);
  } catch (const std::system_error& error) {  // of fmt, which says no more than "cannot write to file"
    failure = (std::ferror(stdout) ? "standard output: cannot write: " + error.code().message() : error.what());
  } catch (const std::exception& error) {
    failure = error.what();
  }
  // Not by fmt::print, which throws when standard error cannot be written to.
  std::fputs(("octet: " + octet::printable_lines(failure) + '\n').c_str(), stderr);
  return kFailure;
}
