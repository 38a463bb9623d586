// SPDX-License-Identifier: Apache-2.0
// The octet command's subcommands. Each returns the exit code and throws octet::Error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/experiment/file/experiment.h"

/// A run that a signal stopped ends with 128 and its number, as a shell tells it.
enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2, kStoppedBy = 128 };

struct TrainCommand {
  std::filesystem::path experiment, run_directory = {};
  std::vector<octet::Override> overrides = {};
  bool resume = false, allow_other_machine = false;
};
int run(const TrainCommand& command);

struct RetrainCommand {
  TrainCommand train;
};
int run(const RetrainCommand& command);

struct EvalCommand {
  std::filesystem::path model;            ///< run directory, weights or ONNX file
  std::filesystem::path experiment = {};  ///< for weights that do not say what they are for
  std::vector<octet::Override> overrides = {};
};
int run(const EvalCommand& command);

struct PredictCommand {
  std::filesystem::path model, experiment = {};
  std::vector<std::filesystem::path> images = {};
  int top = 5;
};
int run(const PredictCommand& command);

struct QuantizeConfigCommand {
  std::filesystem::path model;                  ///< run directory, weights, or the name of a network
  std::filesystem::path experiment = {};        ///< for weights that do not say what they are for
  std::filesystem::path output = "quant.json";  ///< the configuration
  std::filesystem::path definition = {};        ///< simplified configuration
  std::vector<std::int64_t> input = {};         ///< C, H, W
};
int run(const QuantizeConfigCommand& command);

/// octet eval of an ONNX file.
int evaluate_onnx(const EvalCommand& command);

struct RunCommand {
  std::filesystem::path model, experiment = {};  ///< ONNX file; whose test transforms, if it does not say
  std::vector<std::filesystem::path> images = {};
  std::vector<float> mean = {}, stddev = {};  ///< one, or one per channel
  std::optional<std::int64_t> size = {};      ///< of the shorter side, before the middle is cut out
  std::filesystem::path classes = {};         ///< file of names
  int top = 5;
};
int run(const RunCommand& command);

struct BenchCommand {
  std::filesystem::path model;  ///< ONNX file
  std::int64_t batch = 1;
  int repetitions = 100;
  bool json = false;  ///< one line, without the layers
};
int run(const BenchCommand& command);

struct DeployCommand {
  std::filesystem::path run;          ///< directory
  std::filesystem::path prefix = {};  ///< of the files; default: in the run directory
  bool ascend = false;                ///< instead of QDQ
};
int run(const DeployCommand& command);

struct ReportCommand {
  std::filesystem::path run;  ///< directory, with the files of octet deploy
  std::vector<octet::Override> overrides = {};
  double seconds = 2.0;  ///< for each measurement of speed
};
int run(const ReportCommand& command);

struct InfoCommand {};
int run(const InfoCommand& command);
