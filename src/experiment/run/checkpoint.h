// SPDX-License-Identifier: Apache-2.0
// A checkpoint: one safetensors file with the network's and the optimizer's state and the run's progress, sealed with a
// checksum of all its bytes. A run keeps the newest and the one before. Private to the room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "octet/base/file_format.h"
#include "octet/config/document.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/progress.h"
#include "octet/nn/module.h"
#include "octet/nn/optim.h"
#include "octet/nn/safetensors.h"

namespace octet::detail {

/// What a checkpoint says besides tensors.
struct CheckpointHeader {
  Document experiment;  ///< as to_document() writes it
  Document data;        ///< hashes of the datasets
  Progress progress;
  std::int64_t numerics = kNumericsVersion;  ///< that the run computes under
  std::string octet_version = {};            ///< of the release that wrote it; "": 0.1, whose checkpoints do not say it
  std::string quant_config = {};             ///< as in Network (network.h)
  std::string float_weights_sha256 = {};     ///< likewise
};

struct Checkpoint {
  std::filesystem::path path;
  CheckpointHeader header;
  safetensors::File file;
};

/// Writes the file, or leaves the old one of that name and throws Error (path, reason).
void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header, Module& module,
                     Optimizer& optimizer);

/// Whether a file with this header is the checkpoint of a run, of whichever version.
bool is_checkpoint(const Metadata& metadata);

/// Throws Error if the file is no checkpoint, if it is of a version that cannot be read, or if one of its bits has
/// changed.
Checkpoint read_checkpoint(const std::filesystem::path& path);

/// What becomes of a directory's newest checkpoint when there is a newer one.
enum class OldCheckpoint { kKeep, kReplace };

/// Writes the newest checkpoint of a run; the one that was becomes the previous one once the new one is whole on the
/// disk, unless it is to be replaced, because it is damaged. Whenever this is interrupted, the directory has what it
/// had, or the new one and the newest of what it had. Throws Error (path, reason).
void replace_checkpoint(const RunDirectory& directory, OldCheckpoint old, const CheckpointHeader& header,
                        Module& module, Optimizer& optimizer);

struct FoundCheckpoint {
  Checkpoint checkpoint;
  std::string newest_damaged = {};  ///< why it is the previous one; "": it is not
};
/// The newest checkpoint of a run that can be read. Nothing, if there is none; throws Error if there are and none can
/// be read, or if a newer Octet wrote the newest, which is no damage.
std::optional<FoundCheckpoint> find_checkpoint(const RunDirectory& directory);

/// Throws Error, naming all keys that differ, unless a run that began with `then` may go on as `now`; `source` says
/// where `then` stands, `what` it is ("experiment").
void require_same(const std::filesystem::path& source, const char* what, const Document& then, const Document& now);

/// Throws Error, naming both versions and what to do, unless the run that this is of goes on under the numerics that it
/// began with. `command` began it: "train" or "retrain".
void require_same_numerics(const Checkpoint& checkpoint, const char* command);

/// Throws Error unless `now` computes the same bits as `then`, when the checkpoint was written.
void require_same_machine(const std::filesystem::path& path, const MachineUse& then, const MachineUse& now);

/// Puts the tensors into the network and the optimizer. Throws Error if they are not exactly those of the file.
void load_checkpoint_state(const Checkpoint& checkpoint, Module& module, Optimizer& optimizer);

}  // namespace octet::detail
