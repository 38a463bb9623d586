// SPDX-License-Identifier: Apache-2.0
// The octet command: what it understands. What it does is in *_command*.cpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>

#include "commands.h"
#include "octet/experiment/system_info.h"
#include "octet/kernels/parallel.h"
#include "thread_waiting.h"

namespace {

constexpr const char* kFooter =
    "Exit codes: 0 success, 1 error, 2 wrong usage, 130 stopped by Ctrl-C.\n"
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

void add_train_options(CLI::App& app, TrainCommand& command, std::optional<int>& threads) {
  app.add_option("experiment", command.experiment, "YAML file")->type_name("EXPERIMENT")->required();
  add_overrides(app, command.overrides);
  CLI::Option* resume = app.add_flag("--resume", command.resume, "go on from the last checkpoint, bit for bit");
  app.add_flag("--allow-other-machine", command.allow_other_machine,
               "resume although oneDNN or its instruction set is another; the weights get other bits")
      ->needs(resume);
  app.add_option("--run-dir", command.run_directory, "default: the experiment's run_dir")->type_name("DIR");
  add_threads(app, threads);
}

CLI::App* add_eval(CLI::App& app, EvalCommand& command) {
  CLI::App* eval_app = app.add_subcommand("eval", "loss and accuracy on the test data");
  eval_app->add_option("model", command.model, "run directory, weights or ONNX file")->type_name("PATH")->required();
  eval_app->add_option("--experiment,--data", command.experiment, "for files that Octet did not make; its test data")
      ->type_name("YAML");
  add_overrides(*eval_app, command.overrides);
  return eval_app;
}

CLI::App* add_predict(CLI::App& app, PredictCommand& command) {
  CLI::App* predict_app = app.add_subcommand("predict", "classes of image files and their probabilities");
  predict_app->add_option("model", command.model, "run directory or weights file")->type_name("PATH")->required();
  predict_app->add_option("images", command.images, "PNG, JPEG or BMP files")->type_name("IMAGE")->required();
  predict_app->add_option("--experiment", command.experiment, "for weights that Octet did not train")
      ->type_name("YAML");
  predict_app->add_option("--top", command.top, "classes to show")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return predict_app;
}

CLI::App* add_quantize_config(CLI::App& app, QuantizeConfigCommand& quantize) {
  CLI::App* quantize_app = app.add_subcommand("quantize-config", "which layers are quantized, and how, as a file");
  quantize_app->add_option("model", quantize.model, "run directory, weights file or network (resnet20)")
      ->type_name("MODEL")
      ->required();
  quantize_app->add_option("--out", quantize.output, "the file to write")->type_name("JSON")->capture_default_str();
  quantize_app->add_option("--definition", quantize.definition, "simplified configuration: quant.cfg, or .yaml")
      ->type_name("FILE");
  quantize_app->add_option("--input", quantize.input, "size of an image; default: as in training, or 3,32,32")
      ->type_name("C,H,W")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(1, 65536));
  return quantize_app;
}

CLI::App* add_run(CLI::App& app, RunCommand& command) {
  CLI::App* run_app = app.add_subcommand("run", "classes of image files by a deployed network");
  run_app->add_option("model", command.model, "ONNX file")->type_name("ONNX")->required();
  run_app->add_option("images", command.images, "PNG, JPEG or BMP files")->type_name("IMAGE")->required();
  run_app->add_option("--experiment", command.experiment, "for files that Octet did not write")->type_name("YAML");
  run_app->add_option("--top", command.top, "classes to show")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return run_app;
}

CLI::App* add_bench(CLI::App& app, BenchCommand& command) {
  CLI::App* bench_app = app.add_subcommand("bench", "where a deployed network spends its time");
  bench_app->add_option("model", command.model, "ONNX file")->type_name("ONNX")->required();
  bench_app->add_option("--batch", command.batch, "inputs in one run")
      ->type_name("N")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  bench_app->add_option("--repetitions", command.repetitions, "runs whose median is shown")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  bench_app->add_flag("--json", command.json, "one line of JSON, without the layers");
  return bench_app;
}

CLI::App* add_deploy(CLI::App& app, DeployCommand& command) {
  CLI::App* deploy_app = app.add_subcommand("deploy", "ONNX files of a retrained network");
  deploy_app->add_option("run", command.run, "run directory of octet retrain")->type_name("RUN")->required();
  deploy_app->add_option("--out", command.prefix, "how the files' names begin; default: in the run directory")
      ->type_name("PREFIX");
  deploy_app
      ->add_option_function<std::string>(
          "--format", [&](const std::string& format) { command.ascend = format == "ascend"; },
          "qdq (QuantizeLinear and DequantizeLinear, the default) or ascend (AscendQuant and AscendDequant)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"qdq", "ascend"}));
  return deploy_app;
}

CLI::App* add_report(CLI::App& app, ReportCommand& command) {
  CLI::App* report_app = app.add_subcommand("report", "a deployed network against the float one that it was");
  report_app->add_option("run", command.run, "run directory, after octet deploy")->type_name("RUN")->required();
  report_app->add_option("--seconds", command.seconds, "for each of the two measurements of speed")
      ->type_name("S")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  return report_app;
}

int run_command_line(int argc, char** argv) {
  CLI::App app("Octet trains convolutional networks on CPUs.", "octet");
  app.set_version_flag("--version", "octet " + octet::system_info().octet_version);
  app.footer(kFooter);
  app.require_subcommand(1);
  std::optional<int> threads;

  TrainCommand train;
  CLI::App* train_app = app.add_subcommand("train", "run an experiment");
  add_train_options(*train_app, train, threads);

  RetrainCommand retrain;
  CLI::App* retrain_app = app.add_subcommand("retrain", "run an experiment that quantizes a trained network");
  add_train_options(*retrain_app, retrain.train, threads);

  EvalCommand eval;
  CLI::App* eval_app = add_eval(app, eval);
  add_threads(*eval_app, threads);

  PredictCommand predict;
  CLI::App* predict_app = add_predict(app, predict);
  add_threads(*predict_app, threads);

  QuantizeConfigCommand quantize;
  CLI::App* quantize_app = add_quantize_config(app, quantize);
  add_threads(*quantize_app, threads);

  DeployCommand deploy;
  CLI::App* deploy_app = add_deploy(app, deploy);
  add_threads(*deploy_app, threads);

  ReportCommand report;
  CLI::App* report_app = add_report(app, report);
  add_threads(*report_app, threads);

  RunCommand run_command;
  CLI::App* run_app = add_run(app, run_command);
  add_threads(*run_app, threads);

  BenchCommand bench;
  CLI::App* bench_app = add_bench(app, bench);
  add_threads(*bench_app, threads);

  CLI::App* info_app = app.add_subcommand("info", "versions, instruction set, threads");
  add_threads(*info_app, threads);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kSuccess : kUsage;
  }
  if (threads) octet::kernels::set_num_threads(*threads);
  if (*train_app) return run(train);
  if (*retrain_app) return run(retrain);
  if (*eval_app) return run(eval);
  if (*predict_app) return run(predict);
  if (*quantize_app) return run(quantize);
  if (*deploy_app) return run(deploy);
  if (*report_app) return run(report);
  if (*run_app) return run(run_command);
  if (*bench_app) return run(bench);
  return print_info();
}

}  // namespace

int main(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  try {
    return run_command_line(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "octet: {}\n", error.what());
    return kFailure;
  }
}
