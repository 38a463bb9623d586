// SPDX-License-Identifier: Apache-2.0
// Retraining that does not see images as its float network did.
#include "octet/experiment/run/float_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/train.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/run_recorder.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;
using test::tiny_retraining;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class FloatSource : public testing::Test {
 protected:
  FloatSource() : float_run_(fresh_path("float")) {
    Observer quiet;
    train(test::tiny_experiment(), quiet, {.run_directory = float_run_});
  }
  /// What a retraining says before its first step.
  std::vector<std::string> warnings(const std::vector<Override>& overrides, const std::string& name = "retrained") {
    test::RunRecorder recorder;
    train(tiny_retraining(float_run_, overrides), recorder, {.run_directory = fresh_path(name)});
    return recorder.starts.at(0).warnings;
  }
  std::string there(const std::string& value) const {
    return " here, " + value + " in the float network " + float_run_.string();
  }

  std::filesystem::path float_run_;
};

TEST_F(FloatSource, IsSilentWhereNothingDiffers) { EXPECT_THAT(warnings({}), IsEmpty()); }

TEST_F(FloatSource, TellsAnotherNormalization) {
  EXPECT_THAT(warnings({{"train_transforms[1].mean", "0.1"}, {"test_transforms[0].std", "0.5"}}),
              ElementsAre("train_transforms.normalize.mean: [0.1]" + there("[0.5]"),
                          "test_transforms.normalize.std: [0.5]" + there("[0.25]")));
  const Document manifest =
      parse_json(read_file(fresh_path("x").parent_path() / "retrained/manifest.json", 1 << 20), "manifest");
  EXPECT_THAT(manifest.at("warnings").items(), SizeIs(2));
}

TEST_F(FloatSource, TellsOtherTestTransformsAndSizes) {
  EXPECT_THAT(warnings({{"test_transforms", "[{name: resize, size: 12}, {name: normalize, mean: 0.5, std: 0.25}]"}}),
              ElementsAre(R"(test_transforms: [{"name": "resize", "size": [12, 12]}])" + there("[]"),
                          "size of images: [1, 12, 12]" + there("[1, 8, 8]")));
}

TEST_F(FloatSource, TellsOtherData) {
  EXPECT_THAT(warnings({{"data.seed", "7"}}),
              ElementsAre(StartsWith("training data, sha256: "), StartsWith("test data, sha256: ")));
  // A weights file by itself knows its experiment, but no hashes.
  const auto alone = fresh_path("alone.safetensors");
  std::filesystem::copy_file(RunDirectory{float_run_}.weights(), alone);
  EXPECT_THAT(warnings({{"data.seed", "7"}, {"quantization.weights", alone.string()}}),
              ElementsAre("data.seed: 7 and 0, that of the float network " + alone.string()));
}

TEST_F(FloatSource, KnowsNothingOfWeightsOfOtherOrigin) {
  const auto foreign = fresh_path("foreign.safetensors");
  save_weights(*detail::initial_model(test::tiny_experiment()), foreign);
  EXPECT_FALSE(detail::sight_of_weights(foreign).experiment.has_value());
  save_weights(*detail::initial_model(test::tiny_experiment()), foreign, {{"experiment", "a note of mine"}});
  EXPECT_FALSE(detail::sight_of_weights(foreign).experiment.has_value());
  EXPECT_THAT(warnings({{"train_transforms[1].mean", "0.1"}, {"quantization.weights", foreign.string()}}), IsEmpty());
}

TEST_F(FloatSource, ComparesClassesAndTheirOrder) {
  const auto lines = [&](std::vector<std::string> here, std::vector<std::string> before) {
    const detail::Sight a{.experiment = test::tiny_experiment(), .class_names = std::move(here)};
    const detail::Sight b{.experiment = test::tiny_experiment(), .class_names = std::move(before)};
    return detail::float_differences(a, b, "W");
  };
  EXPECT_THAT(lines({"cat", "dog"}, {"cat", "dog"}), IsEmpty());
  EXPECT_THAT(lines({"cat", "dog"}, {"dog", "cat"}),
              ElementsAre(R"(order of classes: class 0: "cat" here, "dog" in the float network W)"));
  EXPECT_THAT(lines({"cat", "cow"}, {"cat", "dog"}),
              ElementsAre(R"(classes: class 1: "cow" here, "dog" in the float network W)"));
  EXPECT_THAT(lines({"cat", "dog", "cow"}, {"cat", "dog"}),
              ElementsAre("classes: 3 classes here, 2 classes in the float network W"));
  EXPECT_THAT(lines({"cat", "dog"}, {"0", "1"}), IsEmpty()) << "one of them has no names";
}

TEST_F(FloatSource, TakesOneNumberForAllChannelsAsOnePerChannel) {
  const Experiment experiment = test::tiny_experiment();
  Experiment list = experiment;
  list.model.options.in_channels = 3;
  list.train_transforms.normalize = {{0.5F, 0.5F, 0.5F}, {0.25F}};
  Experiment number = list;
  number.train_transforms.normalize = {{0.5F}, {0.25F, 0.25F, 0.25F}};
  EXPECT_THAT(detail::float_differences({.experiment = list}, {.experiment = number}, "W"), IsEmpty());
}

TEST_F(FloatSource, GivesItsTransformsWhereTheyAreLeftOut) {
  const auto path = fresh_path("e.yaml");
  const auto read = [&](const std::string& more, const std::filesystem::path& weights) {
    write_file_atomically(path, R"(name: tiny_qat
data: {kind: synthetic, train_samples: 28, test_samples: 12, size: 8, channels: 1, classes: 3}
model: {name: resnet8}
epochs: 1
batch_size: 8
optimizer: {name: sgd, lr: 0.01}
quantization: {weights: )" + weights.string() +
                                    "}\n" + more);
    return read_experiment(path);
  };
  const Experiment left_out = read("", float_run_), trained = test::tiny_experiment();
  const auto transforms = [](const Experiment& e, const char* key) { return to_json(to_document(e).at(key)); };
  for (const char* key : {"train_transforms", "test_transforms"})
    EXPECT_EQ(transforms(left_out, key), transforms(trained, key));
  const Experiment said =
      read("train_transforms: []\ntest_transforms: [{name: normalize, mean: 0.1, std: 1}]\n", float_run_);
  EXPECT_TRUE(said.train_transforms.steps.empty());
  EXPECT_EQ(said.test_transforms.normalize.mean, std::vector<float>{0.1F});

  const auto foreign = fresh_path("foreign.safetensors");
  save_weights(*detail::initial_model(trained), foreign);
  EXPECT_EQ(test::error_text([&] { read("test_transforms: []\n", foreign); }),
            "train_transforms: is left to the float network, but " + std::filesystem::canonical(foreign).string() +
                " does not say by which experiment it was trained; name the transforms, or [] for none");
}

TEST_F(FloatSource, IsNotAskedByParsingAlone) {
  Experiment experiment = tiny_retraining(float_run_, {{"train_transforms", ""}});
  EXPECT_TRUE(to_document(experiment).at("train_transforms").is_null());
  EXPECT_THAT(test::error_text([&] { detail::open_datasets(experiment); }), HasSubstr("with_float_transforms()"));
  experiment = with_float_transforms(experiment);
  EXPECT_EQ(experiment.train_transforms.steps.size(), 1U);
  EXPECT_NO_THROW(detail::open_datasets(experiment));
}

}  // namespace
}  // namespace octet
