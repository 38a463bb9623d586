// SPDX-License-Identifier: Apache-2.0
// What quantization cost a network, and what it does inside.
#pragma once

#include <filesystem>
#include <vector>

#include "octet/experiment/run/evaluate.h"
#include "octet/experiment/run/observer.h"
#include "octet/quant/activation_ranges.h"

namespace octet {

struct RetrainingReport {
  Evaluation before;                    ///< of the float network that retraining began with
  Evaluation after;                     ///< of the retrained one, in its integers
  std::vector<ActivationRange> layers;  ///< over the same data
};

/// Of a complete run with quantization, on its test data. Throws Error if the run is not that, or if the float network
/// is no longer where quantization.weights says.
RetrainingReport retraining_report(const std::filesystem::path& run_directory, Observer& observer);

}  // namespace octet
