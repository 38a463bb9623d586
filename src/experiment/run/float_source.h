// SPDX-License-Identifier: Apache-2.0
// What is known of the float network that an experiment retrains, besides its weights. Private to the room.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/base/shape.h"
#include "octet/experiment/file/experiment.h"

namespace octet::detail {

/// How a network sees images; what is not known is empty.
struct Sight {
  std::optional<Experiment> experiment = {};
  std::vector<std::string> class_names = {};
  Shape input_shape = {};                           ///< [C, H, W] after the test transforms
  std::string train_sha256 = {}, test_sha256 = {};  ///< of the data
};

/// Of weights.safetensors of a run, of a run directory, or of a weights file of other origin, which says nothing. What
/// the file and the manifest beside it say.
Sight sight_of_weights(const std::filesystem::path& weights);

/// Throws Error (both places that were looked at) if there are no weights.
void require_float_weights(const QuantizationSpec& spec);

/// Where a retraining does not see images as its float network did: normalization, test transforms, classes and their
/// order, size, data. One line for each, with both values.
std::vector<std::string> float_differences(const Sight& retraining, const Sight& before, const std::string& weights);

}  // namespace octet::detail
