// SPDX-License-Identifier: Apache-2.0
// A checkpoint: one safetensors file with the network's and the optimizer's state and the run's progress. It replaces
// the one before in one step, so that there always is a whole one. Private to the room.
#pragma once

#include <filesystem>
#include <string>

#include "octet/base/document.h"
#include "octet/experiment/progress.h"
#include "octet/nn/module.h"
#include "octet/nn/optim.h"

namespace octet::detail {

/// What a checkpoint says besides tensors.
struct CheckpointHeader {
  Document experiment;  ///< as to_document() writes it
  Document data;        ///< hashes of the datasets
  Progress progress;
  std::string quant_config = {};  ///< as in Network (network.h)
};

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header, Module& module,
                     Optimizer& optimizer);

/// Throws Error if the file is no checkpoint or is damaged.
CheckpointHeader read_checkpoint_header(const std::filesystem::path& path);

/// Throws Error, naming all keys that differ, unless a run of this experiment on this data may go on from `header`.
void require_same_run(const std::filesystem::path& path, const CheckpointHeader& header, const Document& experiment,
                      const Document& data);

/// Throws Error unless `now` computes the same bits as `then`, when the checkpoint was written.
void require_same_machine(const std::filesystem::path& path, const MachineUse& then, const MachineUse& now);

/// Reads the tensors into the network and the optimizer. Throws Error if they are not exactly those of the file.
void load_checkpoint_state(const std::filesystem::path& path, Module& module, Optimizer& optimizer);

}  // namespace octet::detail
