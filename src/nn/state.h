// SPDX-License-Identifier: Apache-2.0
// Saved state: named tensors and counters of modules and optimizers, to and from safetensors files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/nn/module.h"

namespace octet {

namespace safetensors {
class File;
}

/// One entry of saved state: a handle to a live tensor (F32 in files) or a pointer to a live integer (I64, shape []).
/// Loading writes through it.
struct StateEntry {
  std::string name;
  Tensor tensor{};                  ///< undefined for an integer
  std::int64_t* counter = nullptr;  ///< null for a tensor
  bool required = true;             ///< false: a file without it is complete, and the entry keeps its value
};

/// What PyTorch's state_dict() holds, in its order: per module parameters, buffers, counters, then its children. The
/// counters (num_batches_tracked) are not required: weights of before PyTorch 0.4.1 lack them.
std::vector<StateEntry> named_weights(Module& module);
/// The same, all of it required, and what else a run needs to continue bit for bit (positions of dropouts): for
/// checkpoints.
std::vector<StateEntry> named_state(Module& module);

/// Free text in a file's header; RNG positions and step numbers of a checkpoint go here.
using Metadata = std::map<std::string, std::string>;

struct SaveStateOptions {
  bool sealed = false;  ///< with a checksum, see safetensors.h
};

/// Writes all entries, atomically: `path` holds the old file or the whole new one.
void save_state(const std::filesystem::path& path, std::span<const StateEntry> entries, const Metadata& metadata = {},
                const SaveStateOptions& options = {});

struct LoadOptions {
  bool strict = true;  ///< false: load what fits, report the rest
};

/// What did not fit; all empty in strict mode, which throws instead.
struct LoadReport {
  std::vector<std::string> missing;     ///< required, but not in the file
  std::vector<std::string> unexpected;  ///< in the file, but no entry
  std::vector<std::string> mismatched;  ///< "fc.weight: [10, 64] here, [1000, 512] in the file", also wrong types
  Metadata metadata;

  bool complete() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

/// Reads the entries' values from a file: F32, F16, BF16 or F64 for tensors (F64 is rounded; beyond float32's range is
/// an error), I64 for counters. In strict mode throws one Error that names everything that does not fit, and then has
/// changed nothing.
LoadReport load_state(const std::filesystem::path& path, std::span<const StateEntry> entries,
                      const LoadOptions& options = {});
/// The same from a file that has been read.
LoadReport load_state(const safetensors::File& file, std::span<const StateEntry> entries,
                      const LoadOptions& options = {});

/// save_state() and load_state() on named_weights(): files interchange with PyTorch.
void save_weights(Module& module, const std::filesystem::path& path, const Metadata& metadata = {});
LoadReport load_weights(Module& module, const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace octet
