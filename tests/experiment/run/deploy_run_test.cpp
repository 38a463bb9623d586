// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/deploy_run.h"

#include <gtest/gtest.h>

#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/deployed_model.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/train.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;

TEST(DeployRun, WritesAFileThatKnowsItsTestDataAndKeepsTheAccuracy) {
  Observer quiet;
  const auto before = fresh_path("float"), after = fresh_path("quantized");
  train(test::tiny_experiment(), quiet, {.run_directory = before});
  train(test::tiny_retraining(before), quiet, {.run_directory = after});
  const SavedModels saved = deploy_run(after);
  EXPECT_EQ(saved.deploy, RunDirectory{after}.deployed());

  const Evaluation expected = evaluate(load_trained_model(after), quiet);
  const DeployedModel deployed = load_deployed_model(saved.deploy);
  const Evaluation actual = evaluate(deployed);
  EXPECT_EQ(deployed.class_names, load_trained_model(after).class_names);
  EXPECT_EQ(actual.accuracy, expected.accuracy);
  EXPECT_EQ(actual.images, expected.images);
  EXPECT_NEAR(actual.loss, expected.loss, 1e-6);  // summed in batches of other sizes

  const Image image = detail::open_test_set(test::tiny_experiment())->get(0).image;
  const std::vector<Prediction> by_run = predict(load_trained_model(after), image), by_file = predict(deployed, image);
  ASSERT_EQ(by_file.size(), by_run.size());
  for (std::size_t i = 0; i < by_run.size(); ++i) {
    EXPECT_EQ(by_file[i].class_name, by_run[i].class_name);
    EXPECT_EQ(by_file[i].probability, by_run[i].probability);
  }

  EXPECT_EQ(deploy_run(after, {.prefix = after / "out" / "net"}).fake_quant,
            after / "out" / "net_fake_quant_model.onnx");
}

TEST(DeployRun, WritesTheFormatOfAmctBesideTheOther) {
  Observer quiet;
  const auto before = fresh_path("float"), after = fresh_path("quantized");
  train(test::tiny_experiment(), quiet, {.run_directory = before});
  train(test::tiny_retraining(before, {{"quantization.shortcuts", "false"}}), quiet, {.run_directory = after});
  EXPECT_EQ(deploy_run(after, {.format = DeployFormat::kAscend}).deploy, after / "ascend_deploy_model.onnx");
}

TEST(DeployRun, RefusesWhatIsNoRetrainedRun) {
  Observer quiet;
  const auto run = fresh_path("float");
  EXPECT_EQ(test::error_text([&] { deploy_run(run); }), run.string() + ": there is no such run directory");
  train(test::tiny_experiment(), quiet, {.run_directory = run});
  EXPECT_EQ(test::error_text([&] { deploy_run(run); }),
            run.string() + ": the run's experiment has no quantization; octet retrain runs one that has");
}

}  // namespace
}  // namespace octet
