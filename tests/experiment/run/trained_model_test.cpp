// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/trained_model.h"

#include <gtest/gtest.h>

#include <limits>

#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/train.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::error_text;
using test::fresh_path;
using test::tiny_experiment;

class TrainedModelTest : public testing::Test {
 protected:
  TrainedModelTest() : directory_{fresh_path()} {
    Observer quiet;
    result_ = train(tiny_experiment(), quiet, {.run_directory = directory_.root});
  }
  Image image() const { return detail::open_test_set(tiny_experiment())->get(0).image; }

  RunDirectory directory_;
  RunResult result_;
};

TEST_F(TrainedModelTest, HasTheAccuracyOfTheRun) {
  Observer quiet;
  for (const auto& path : {directory_.root, directory_.weights()}) {
    const Evaluation evaluation = evaluate(load_trained_model(path), quiet);
    EXPECT_EQ(evaluation.accuracy, result_.epochs.back().test_accuracy);
    EXPECT_EQ(evaluation.loss, result_.epochs.back().test_loss);
    EXPECT_EQ(evaluation.images, 12);
  }
  const TrainedModel with_experiment = load_trained_model(directory_.root, tiny_experiment());
  EXPECT_EQ(evaluate(with_experiment, quiet).loss, result_.epochs.back().test_loss);
}

TEST_F(TrainedModelTest, PredictsAllClassesTheMostLikelyFirst) {
  const std::vector<Prediction> predictions = predict(load_trained_model(directory_.root), image());
  ASSERT_EQ(predictions.size(), 3U);
  EXPECT_EQ(predictions[0].class_name.size(), 1U);
  EXPECT_GE(predictions[0].probability, predictions[1].probability);
  EXPECT_GE(predictions[1].probability, predictions[2].probability);
  EXPECT_NEAR(predictions[0].probability + predictions[1].probability + predictions[2].probability, 1.0, 1e-6);
}

TEST_F(TrainedModelTest, RefusesImagesOfAnotherSize) {
  const Image large{.height = 9, .width = 8, .channels = 1, .pixels = std::vector<std::uint8_t>(72)};
  EXPECT_EQ(error_text([&] { predict(load_trained_model(directory_.root), large); }),
            "predict: the network was trained on images of [1, 8, 8] (channels, height, width), this one has [1, 9, 8] "
            "after test_transforms");
}

TEST_F(TrainedModelTest, RefusesWeightsThatAreNotFinite) {
  const TrainedModel model = load_trained_model(directory_.root);
  Tensor weight = model.module->named_parameters()[0].tensor;
  weight.mutable_values()[1] = std::numeric_limits<float>::quiet_NaN();
  const auto path = fresh_path("nan.safetensors");
  save_weights(*model.module, path);
  EXPECT_EQ(error_text([&] { load_trained_model(path, tiny_experiment()); }),
            path.string() + ": conv1.weight: 1 of 144 values is not finite, it is nan");
}

TEST_F(TrainedModelTest, RefusesWeightsThatAreNotThoseOfTheRun) {
  const TrainedModel model = load_trained_model(directory_.root);
  Tensor weight = model.module->named_parameters()[0].tensor;
  weight.mutable_values()[1] += 1.0F;
  save_weights(*model.module, directory_.weights(), safetensors::File::read(directory_.weights()).metadata());
  EXPECT_EQ(error_text([&] {
              load_trained_model(directory_.root);
            }).find(directory_.weights().string() + ": are other weights than the run ended with (sha256 "),
            0U);
  EXPECT_NO_THROW(load_trained_model(directory_.weights())) << "a file alone may be anyone's";
}

TEST_F(TrainedModelTest, TakesWeightsOfOtherOriginWithAnExperiment) {
  const auto weights = fresh_path("weights.safetensors");
  const auto net = detail::initial_model(tiny_experiment());
  save_weights(*net, weights);
  EXPECT_EQ(error_text([&] { load_trained_model(weights); }),
            weights.string() +
                ": its header has no \"experiment\", as weights that Octet trained do; name their experiment with "
                "--experiment FILE.yaml");
  EXPECT_EQ(predict(load_trained_model(weights, tiny_experiment()), image()).size(), 3U);
}

TEST(TrainedModel, SaysThatARunIsNotComplete) {
  const auto directory = fresh_path();
  const std::atomic<bool> stop = true;
  Observer quiet;
  train(tiny_experiment(), quiet, {.run_directory = directory, .stop = &stop});
  EXPECT_EQ(
      error_text([&] { load_trained_model(directory); }),
      (directory / "weights.safetensors").string() + ": there is no such file; the run is not complete, resume it");
}

TEST(TrainedModel, SaysThatACheckpointHoldsNoWeightsForUse) {
  const RunDirectory run{fresh_path()};
  const std::atomic<bool> stop = true;
  Observer quiet;
  train(tiny_experiment(), quiet, {.run_directory = run.root, .stop = &stop});
  EXPECT_EQ(error_text([&] { load_trained_model(run.checkpoint()); }),
            run.checkpoint().string() +
                ": is the checkpoint of a run under way, not its weights; they come when the run ends (--resume goes "
                "on)");
}

TEST(TrainedModel, SaysThatThereIsNoRun) {
  const auto directory = fresh_path();
  std::filesystem::create_directories(directory);
  EXPECT_EQ(error_text([&] { load_trained_model(directory); }),
            (directory / "weights.safetensors").string() + ": there is no such file; the directory holds no run");
}

}  // namespace
}  // namespace octet
