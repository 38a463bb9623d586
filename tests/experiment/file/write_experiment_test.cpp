// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/experiment/file/experiment.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::tiny_experiment;
using testing::ElementsAre;
using testing::IsEmpty;

// Writing what was read back from text gives the same text.
void expect_survives(const std::vector<Override>& overrides) {
  const std::string once = to_json(to_document(tiny_experiment(overrides)), 2);
  EXPECT_EQ(to_json(to_document(parse_experiment(parse_json(once, "once"), model_names())), 2), once);
}

TEST(WriteExperiment, EverySourceSurvives) {
  expect_survives({});
  expect_survives({{"data", "{kind: fashion_mnist, directory: d}"}});
  expect_survives({{"data", "{kind: cifar10, directory: d}"}});
  expect_survives({{"data", "{kind: cifar100, directory: d, labels: coarse}"}});
  expect_survives({{"data", "{kind: image_folder, train: a, test: b}"}, {"model.num_classes", "5"}});
  expect_survives({{"data", "{kind: idx, train_images: a, train_labels: b, test_images: c, test_labels: d}"},
                   {"model", "{name: resnet20, in_channels: 1, num_classes: 2, zero_init_residual: true}"}});
}

TEST(WriteExperiment, EveryOptimizerAndScheduleSurvives) {
  expect_survives({{"optimizer", "{name: adamw, beta2: 0.98, decay_norms_and_biases: true}"}});
  expect_survives({{"schedule", "{name: constant}"}});
  expect_survives({{"schedule", "{name: step, milestones: [1, 2], gamma: 0.3, warmup_epochs: 0.5}"}});
  expect_survives({{"schedule", "{name: one_cycle, pct_start: 0.25, div_factor: 10}"}});
}

TEST(WriteExperiment, EveryTransformSurvives) {
  expect_survives({{"train_transforms",
                    "[{name: random_resized_crop, size: 9, max_ratio: 2}, {name: random_horizontal_flip, p: 0.1}, "
                    "{name: center_crop, size: [7, 8]}, {name: resize, size: 6}, {name: resize_shorter_side, length: "
                    "5}, {name: normalize, mean: [0.1], std: [0.2]}, {name: random_erasing, p: 0.7}]"}});
}

TEST(WriteExperiment, OptionalValuesSurvive) {
  expect_survives({{"max_steps", "7"}, {"grad_clip", "0.5"}, {"label_smoothing", "0.1"}, {"seed", "12"}});
}

TEST(WriteExperiment, QuantizationSurvives) {
  expect_survives({{"quantization", "{weights: runs/a}"}});
  expect_survives({{"quantization", "{weights: runs/a, config: quant.json, shortcuts: true, deploy: false}"}});
  expect_survives({{"quantization", "{weights: runs/a, definition: quant.cfg}"}});
  expect_survives({{"quantization",
                    "{weights: a, definition: {batch_num: 3, skip_layers: [fc], retrain_data_quant_config: "
                    "{ulq_quantize: {clip_max_min: {clip_max: 3.0, clip_min: -1.0}}}}}"}});
}

TEST(WriteExperiment, FloatsAreWrittenAsTheyWereRead) {
  const Document written =
      to_document(tiny_experiment({{"test_transforms", "[{name: normalize, mean: 0.286, std: 0.353}]"}}));
  EXPECT_EQ(to_json(written.at("test_transforms")), R"([{"name": "normalize", "mean": [0.286], "std": [0.353]}])");
}

TEST(Differences, NamesEveryKeyThatChangesResults) {
  const Document a = to_document(tiny_experiment());
  const Document b = to_document(tiny_experiment({{"optimizer.lr", "0.1"}, {"max_steps", "5"}, {"seed", "2"}}));
  EXPECT_THAT(differences(a, b), ElementsAre("max_steps: null and 5", "optimizer.lr: 0.05 and 0.1", "seed: 1 and 2"));
}

TEST(Differences, NamesKeysThatOnlyOneHas) {
  const Document a = to_document(tiny_experiment({{"schedule", "{name: constant}"}}));
  const Document b = to_document(tiny_experiment({{"schedule", "{name: cosine}"}}));
  EXPECT_THAT(differences(a, b),
              ElementsAre("schedule.eta_min: nothing and 0.0", R"(schedule.name: "constant" and "cosine")"));
}

TEST(Differences, LeavesOutWhatDoesNotChangeResults) {
  const Document a = to_document(tiny_experiment());
  const Document b = to_document(tiny_experiment(
      {{"name", "other"}, {"workers", "0"}, {"checkpoint_every", "3"}, {"log_every", "9"}, {"run_dir", "elsewhere"}}));
  EXPECT_THAT(differences(a, b), IsEmpty());
  const auto retraining = [](const char* deploy) {
    return to_document(tiny_experiment({{"quantization", std::string("{weights: w, deploy: ") + deploy + "}"}}));
  };
  EXPECT_THAT(differences(retraining("true"), retraining("false")), IsEmpty());
}

}  // namespace
}  // namespace octet
