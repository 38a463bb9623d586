// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/checkpoint.h"

#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/utf8.h"
#include "octet/experiment/file/experiment.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"

namespace octet::detail {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNumerics = "numerics";
constexpr const char* kOctetVersion = "octet";
constexpr const char* kQuantConfig = "quant_config";
constexpr const char* kFloatWeights = "float_weights_sha256";

std::vector<StateEntry> entries_of(Module& module, Optimizer& optimizer) {
  std::vector<StateEntry> entries;
  for (StateEntry& entry : named_state(module)) {
    entry.name = "model." + entry.name;
    entries.push_back(std::move(entry));
  }
  for (StateEntry& entry : optimizer.named_state()) {
    entry.name = "optimizer." + entry.name;
    entries.push_back(std::move(entry));
  }
  return entries;
}

void move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  require(!error, to.string(), ": cannot replace by ", from.filename().string(), ": ", error.message());
}

/// Gives a file a second name, which may be another one's now.
void keep(const fs::path& file, const fs::path& as) {
  fs::path beside = as;
  beside += ".new";
  std::error_code error;
  fs::remove(beside, error);
  fs::create_hard_link(file, beside, error);
  // A file system without second names: for a moment there is no newest checkpoint, and the previous one is the newest.
  if (error) return move_to(file, as);
  move_to(beside, as);
}

/// Whether each bit of the file is as a newer Octet wrote it. An older checkpoint would not mend that.
bool is_of_newer_octet(const fs::path& path) {
  try {
    const safetensors::File file = safetensors::File::read(path);
    file.require_whole();
    return is_newer(kCheckpointFormat, file.metadata().at(kFormatKey));
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

void save_checkpoint(const fs::path& path, const CheckpointHeader& header, Module& module, Optimizer& optimizer) {
  Metadata metadata = {{kFormatKey, to_text(kCheckpointFormat)},
                       {kNumerics, std::to_string(header.numerics)},
                       {"experiment", to_json(header.experiment)},
                       {"data", to_json(header.data)},
                       {"progress", to_json(to_document(header.progress))}};
  if (!header.octet_version.empty()) metadata[kOctetVersion] = header.octet_version;
  if (!header.quant_config.empty()) metadata[kQuantConfig] = header.quant_config;
  if (!header.float_weights_sha256.empty()) metadata[kFloatWeights] = header.float_weights_sha256;
  save_state(path, entries_of(module, optimizer), metadata, {.sealed = true});
}

bool is_checkpoint(const Metadata& metadata) {
  const auto format = metadata.find(kFormatKey);
  return format != metadata.end() && format->second.starts_with(text(kCheckpointFormat.name, ' '));
}

Checkpoint read_checkpoint(const fs::path& path) {
  safetensors::File file = safetensors::File::read(path);
  const auto part = [&](const std::string& key) {
    const auto found = file.metadata().find(key);
    require(found != file.metadata().end(), path.string(), ": is no checkpoint: its header has no ", in_quotes(key));
    return found->second;
  };
  const auto part_or_nothing = [&](const char* key) { return file.metadata().contains(key) ? part(key) : ""; };
  require_readable(kCheckpointFormat, part(kFormatKey), path.string());
  file.require_whole();
  const auto document = [&](const std::string& key) { return parse_json(part(key), path.string() + " (" + key + ")"); };
  CheckpointHeader header{.experiment = document("experiment"),
                          .data = document("data"),
                          .progress = parse_progress(document("progress")),
                          .numerics = file.metadata().contains(kNumerics) ? document(kNumerics).as_integer() : 1,
                          .octet_version = part_or_nothing(kOctetVersion),
                          .quant_config = part_or_nothing(kQuantConfig),
                          .float_weights_sha256 = part_or_nothing(kFloatWeights)};
  return {path, std::move(header), std::move(file)};
}

void replace_checkpoint(const RunDirectory& directory, OldCheckpoint old, const CheckpointHeader& header,
                        Module& module, Optimizer& optimizer) {
  const fs::path fresh = directory.unfinished_checkpoint(), newest = directory.checkpoint();
  save_checkpoint(fresh, header, module, optimizer);
  if (old == OldCheckpoint::kKeep && fs::exists(newest)) keep(newest, directory.previous_checkpoint());
  move_to(fresh, newest);
  sync_folder(directory.root);
}

std::optional<FoundCheckpoint> find_checkpoint(const RunDirectory& directory) {
  const fs::path newest = directory.checkpoint(), previous = directory.previous_checkpoint();
  if (!fs::exists(newest) && !fs::exists(previous)) return std::nullopt;
  std::string damage;
  try {
    return FoundCheckpoint{read_checkpoint(newest)};
  } catch (const Error& error) {
    if (!fs::exists(previous) || is_of_newer_octet(newest)) throw;
    damage = error.what();
  }
  try {
    return FoundCheckpoint{read_checkpoint(previous), damage};
  } catch (const Error& error) {
    fail(damage, "; ", error.what());
  }
}

void require_same(const fs::path& source, const char* what, const Document& then, const Document& now) {
  const std::vector<std::string> different = differences(then, now);
  if (different.empty()) return;
  std::string list;
  for (const std::string& line : different) list += (list.empty() ? "" : "; ") + line;
  fail(source.string(), ": a run goes on only with the ", what, " that it started with; then and now: ", list);
}

void require_same_numerics(const Checkpoint& checkpoint, const char* command) {
  const CheckpointHeader& header = checkpoint.header;
  require(header.numerics == kNumericsVersion, checkpoint.path.string(), ": the run computes under numerics ",
          header.numerics, "; this Octet, under ", kNumericsVersion, ", would end it with other bits: finish it with ",
          header.octet_version.empty() ? "the release" : text("the Octet ", printable(header.octet_version)),
          " that wrote the checkpoint, or begin it anew: octet ", command, " \"",
          RunDirectory{checkpoint.path.parent_path()}.experiment().string(), '"');
}

void require_same_machine(const std::filesystem::path& path, const MachineUse& then, const MachineUse& now) {
  require(same_machine(then, now), path.string(), ": the run was computed by oneDNN ", printable(then.onednn), " with ",
          printable(then.isa), "; here oneDNN ", now.onednn, " with ", now.isa,
          " would end it with other bits, which --allow-other-machine (TrainOptions::allow_other_machine) permits");
}

void load_checkpoint_state(const Checkpoint& checkpoint, Module& module, Optimizer& optimizer) {
  load_state(checkpoint.file, entries_of(module, optimizer));
}

}  // namespace octet::detail
