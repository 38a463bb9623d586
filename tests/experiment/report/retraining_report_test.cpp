// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/retraining_report.h"

#include <gtest/gtest.h>

#include "octet/experiment/run/train.h"
#include "octet/experiment/run/trained_model.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;

TEST(RetrainingReport, ComparesTheNetworkWithTheOneItWas) {
  Observer quiet;
  const auto before = fresh_path("float"), after = fresh_path("quantized");
  const RunResult float_run = train(test::tiny_experiment(), quiet, {.run_directory = before});
  const RunResult run = train(test::tiny_retraining(before), quiet, {.run_directory = after});
  const RetrainingReport report = retraining_report(after, quiet);
  EXPECT_EQ(report.before.loss, float_run.epochs.back().test_loss);
  EXPECT_EQ(report.after.loss, run.epochs.back().test_loss);
  EXPECT_EQ(report.after.accuracy, run.epochs.back().test_accuracy);
  ASSERT_EQ(report.layers.size(), 10U);  // of a ResNet-8
  EXPECT_EQ(report.layers.front().layer, "conv1");
  EXPECT_EQ(report.layers.front().values, 12 * 8 * 8);
  EXPECT_EQ(report.layers.back().layer, "fc");

  // The run's weights say all that is needed to use them.
  EXPECT_EQ(evaluate(load_trained_model(after), quiet).loss, report.after.loss);

  EXPECT_EQ(test::error_text([&] { retraining_report(before, quiet); }),
            before.string() + ": the run's experiment has no quantization");
}

}  // namespace
}  // namespace octet
