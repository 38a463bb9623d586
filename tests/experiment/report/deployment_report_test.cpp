// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/deployment_report.h"

#include <gtest/gtest.h>

#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/retraining_report.h"
#include "octet/experiment/run/deploy_run.h"
#include "octet/experiment/run/train.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;

TEST(DeploymentReport, FindsNoDifferenceAndMeasuresBothNetworks) {
  Observer quiet;
  const auto before = fresh_path("float"), after = fresh_path("quantized");
  train(test::tiny_experiment(), quiet, {.run_directory = before});
  train(test::tiny_retraining(before), quiet, {.run_directory = after});
  EXPECT_EQ(
      test::error_text([&] { deployment_report(after, quiet); }),
      (after / "deploy_model.onnx").string() + ": there is no such file; octet deploy " + after.string() + " makes it");
  deploy_run(after);
  const DeploymentReport report = deployment_report(after, quiet, {.seconds = 0.0});

  const RetrainingReport retraining = retraining_report(after, quiet);
  EXPECT_EQ(report.before.loss, retraining.before.loss);
  EXPECT_EQ(report.retrained.loss, retraining.after.loss);
  EXPECT_EQ(report.deployed.loss, retraining.after.loss);
  EXPECT_EQ(report.deployed.images, 12);
  EXPECT_EQ(report.logits, 12 * 3);
  EXPECT_EQ(report.differing_logits, 0);
  EXPECT_EQ(report.differing_predictions, 0);
  EXPECT_EQ(report.ranges.size(), 10U);
  EXPECT_FALSE(report.layers.empty());
  EXPECT_LT(report.int8_cost.file_bytes, report.float_cost.file_bytes);
  for (const DeployedCost& cost : {report.float_cost, report.int8_cost}) {
    EXPECT_GT(cost.milliseconds, 0.0);
    EXPECT_GT(cost.images_per_second, 0.0);
  }
  EXPECT_EQ(report.float_curve.test_accuracy.size(), 3U);
  EXPECT_EQ(report.retraining_curve.test_accuracy.size(), 2U);

  std::filesystem::remove_all(before);
  train(test::tiny_experiment({{"seed", "2"}}), quiet, {.run_directory = before});
  const std::string another = before.string() + ": is another float network than the one that retraining began with";
  EXPECT_EQ(test::error_text([&] { deployment_report(after, quiet); }).find(another), 0U);
  EXPECT_EQ(test::error_text([&] { retraining_report(after, quiet); }).find(another), 0U);
}

}  // namespace
}  // namespace octet
