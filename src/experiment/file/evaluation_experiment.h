// SPDX-License-Identifier: Apache-2.0
// With which experiment a model is evaluated whose file says one: the file may be anybody's.
#pragma once

#include <filesystem>
#include <span>

#include "octet/experiment/file/experiment.h"

namespace octet {

struct EvaluationUse {
  std::span<const Override> overrides = {};  ///< values to replace, but none of the network
  bool float_weights = false;                ///< quantization.weights is read, too
};

/// `said`, the experiment that the file of a model names, with values replaced. Its paths are opened only where
/// somebody asked for them: by an override, or because the model lies in a run directory whose manifest names the same.
/// Throws Error, with every path that nobody asked for and how to ask, and if an override would change the network.
/// `model`: the run directory or the file.
Experiment evaluation_experiment(const Experiment& said, const std::filesystem::path& model,
                                 const EvaluationUse& use = {});

}  // namespace octet
