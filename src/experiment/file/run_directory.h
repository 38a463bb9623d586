// SPDX-License-Identifier: Apache-2.0
// Where a run keeps its files.
#pragma once

#include <filesystem>

#include "octet/config/document.h"
#include "octet/experiment/file/experiment.h"

namespace octet {

struct RunDirectory {
  std::filesystem::path root;

  std::filesystem::path experiment() const { return root / "experiment.json"; }  ///< with every default
  std::filesystem::path manifest() const { return root / "manifest.json"; }
  std::filesystem::path log() const { return root / "log.jsonl"; }
  std::filesystem::path checkpoint() const { return root / "checkpoint.safetensors"; }
  std::filesystem::path previous_checkpoint() const { return root / "checkpoint.previous.safetensors"; }
  std::filesystem::path unfinished_checkpoint() const {
    return root / "checkpoint.new.safetensors";
  }                                                                               ///< while written
  std::filesystem::path weights() const { return root / "weights.safetensors"; }  ///< once the run is complete

  // Of runs with quantization: how each layer is quantized, and, once the run is complete, its scales and offsets.
  std::filesystem::path quant_config() const { return root / "quant_config.json"; }
  std::filesystem::path record() const { return root / "record.txt"; }

  // What deploy_run.h and deployment_report.h make of such a run.
  std::filesystem::path deployed() const { return root / "deploy_model.onnx"; }
  std::filesystem::path float_network() const { return root / "float_model.onnx"; }  ///< that retraining began with
  std::filesystem::path report() const { return root / "report.html"; }
};

/// Whether there is something to resume, be it a run that ended before its first checkpoint.
bool holds_run(const RunDirectory& directory);
/// Whether there is work that a new run must not replace: a checkpoint, or weights.
bool holds_work(const RunDirectory& directory);

/// Makes the directory of a new run: `chosen`, or if that is empty the experiment's run_dir, with -2, -3, ... behind it
/// if there are such already. Throws Error if a directory cannot be made.
RunDirectory create_run_directory(const Experiment& experiment, const std::filesystem::path& chosen);

/// The directory of a run that can be resumed: `chosen`, or if that is empty the last one with a run that
/// create_run_directory() made. Throws Error if there is none.
RunDirectory find_run_directory(const Experiment& experiment, const std::filesystem::path& chosen);

/// The run's manifest. Throws Error if there is none that can be read, or if a newer Octet wrote it.
Document read_manifest(const RunDirectory& directory);

/// `path`, or if that is a directory the weights of the run in it. Throws Error if that run is not complete.
std::filesystem::path weights_file(const std::filesystem::path& path);

}  // namespace octet
