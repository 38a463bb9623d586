// SPDX-License-Identifier: Apache-2.0
// The weights that a run has left, read back. Private to the room.
#pragma once

#include <filesystem>
#include <string>

#include "octet/nn/module.h"

namespace octet::detail {

/// Reads a weights file, or that of a run directory, into the network. Throws Error if names or shapes do not fit, if a
/// value is not finite, and if the weights of a directory are not those whose hash is in its manifest.
void load_run_weights(Module& module, const std::filesystem::path& path);

/// Throws Error unless the float network that was read from `path` has the hash (weights_hash.h) of the one that a
/// retraining began with. An empty hash, of runs before there was one, fits all.
void require_same_float_weights(const std::string& now, const std::string& then, const std::filesystem::path& path);

}  // namespace octet::detail
