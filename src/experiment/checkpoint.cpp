// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/checkpoint.h"

#include <string>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/experiment/experiment.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"

namespace octet::detail {
namespace {

constexpr const char* kFormat = "octet checkpoint 2";
constexpr const char* kQuantConfig = "quant_config";

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

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header, Module& module,
                     Optimizer& optimizer) {
  Metadata metadata = {{"format", kFormat},
                       {"experiment", to_json(header.experiment)},
                       {"data", to_json(header.data)},
                       {"progress", to_json(to_document(header.progress))}};
  if (!header.quant_config.empty()) metadata[kQuantConfig] = header.quant_config;
  save_state(path, entries_of(module, optimizer), metadata);
}

CheckpointHeader read_checkpoint_header(const std::filesystem::path& path) {
  const safetensors::Metadata metadata = safetensors::File::read(path).metadata();
  const auto part = [&](const std::string& key) {
    const auto found = metadata.find(key);
    require(found != metadata.end(), path.string(), ": is no checkpoint: its header has no ", in_quotes(key));
    return found->second;
  };
  const std::string format = part("format");
  require(format == kFormat, path.string(), ": the format is ", in_quotes(format), ", expected ", in_quotes(kFormat));
  const auto document = [&](const std::string& key) { return parse_json(part(key), path.string() + " (" + key + ")"); };
  return {.experiment = document("experiment"),
          .data = document("data"),
          .progress = parse_progress(document("progress")),
          .quant_config = metadata.contains(kQuantConfig) ? part(kQuantConfig) : ""};
}

void require_same_run(const std::filesystem::path& path, const CheckpointHeader& header, const Document& experiment,
                      const Document& data) {
  const auto check = [&](const std::vector<std::string>& different, const char* what) {
    if (different.empty()) return;
    std::string list;
    for (const std::string& line : different) list += (list.empty() ? "" : "; ") + line;
    fail(path.string(), ": a run goes on only with the ", what, " that it started with; then and now: ", list);
  };
  check(differences(header.experiment, experiment), "experiment");
  check(differences(header.data, data), "data");
}

void require_same_machine(const std::filesystem::path& path, const MachineUse& then, const MachineUse& now) {
  require(same_machine(then, now), path.string(), ": the run was computed by oneDNN ", printable(then.onednn), " with ",
          printable(then.isa), "; here oneDNN ", now.onednn, " with ", now.isa,
          " would end it with other bits, which --allow-other-machine (TrainOptions::allow_other_machine) permits");
}

void load_checkpoint_state(const std::filesystem::path& path, Module& module, Optimizer& optimizer) {
  load_state(path, entries_of(module, optimizer));
}

}  // namespace octet::detail
