// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/retraining_report.h"

#include "octet/base/error.h"
#include "octet/experiment/run/network.h"
#include "octet/experiment/run/run_weights.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/trained_model.h"
#include "octet/experiment/run/weights_hash.h"

namespace octet {

RetrainingReport retraining_report(const std::filesystem::path& run_directory, Observer& observer) {
  const TrainedModel retrained = load_trained_model(run_directory);
  require(retrained.experiment.quantization.has_value(), run_directory.string(),
          ": the run's experiment has no quantization");
  const std::unique_ptr<Module> before = detail::float_network(retrained.experiment);
  detail::require_same_float_weights(weights_hash(*before), retrained.float_weights_sha256,
                                     retrained.experiment.quantization->weights);
  const DataLoader data = detail::test_loader(retrained.experiment, detail::open_test_set(retrained.experiment));

  RetrainingReport report{.before = *evaluate(*before, data, observer), .after = {}, .layers = {}};
  report.layers =
      activation_ranges(*retrained.module, [&] { report.after = *evaluate(*retrained.module, data, observer); });
  return report;
}

}  // namespace octet
