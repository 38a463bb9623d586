// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/setup.h"

#include <gtest/gtest.h>

#include <string>

#include "octet/base/file.h"
#include "octet/experiment/run/weights_hash.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::error_text;
using test::tiny_experiment;

Schedule schedule(const std::string& text, std::int64_t total_steps = 40) {
  const Experiment e = tiny_experiment({{"epochs", "4"}, {"schedule", text}});
  return detail::make_schedule(e.schedule, /*base_lr=*/0.5, /*steps_per_epoch=*/10, total_steps);
}

TEST(MakeSchedule, TurnsEpochsIntoSteps) {
  const Schedule step = schedule("{name: step, milestones: [2, 3], gamma: 0.1}");
  EXPECT_DOUBLE_EQ(step.lr(19), 0.5);
  EXPECT_DOUBLE_EQ(step.lr(20), 0.05);
  EXPECT_DOUBLE_EQ(step.lr(30), 0.5 * 0.1 * 0.1);
  const Schedule cosine = schedule("{name: cosine, eta_min: 0.1}");
  EXPECT_DOUBLE_EQ(cosine.lr(0), 0.5);
  EXPECT_DOUBLE_EQ(cosine.lr(20), 0.3);
  EXPECT_DOUBLE_EQ(cosine.lr(40), 0.1);
  EXPECT_DOUBLE_EQ(schedule("{name: constant}").lr(39), 0.5);
}

TEST(MakeSchedule, CountsMilestonesFromTheStartOfTheWarmup) {
  const Schedule step = schedule("{name: step, milestones: [2], warmup_epochs: 1, warmup_start_factor: 0.5}");
  EXPECT_DOUBLE_EQ(step.lr(0), 0.25);
  EXPECT_DOUBLE_EQ(step.lr(10), 0.5);
  EXPECT_DOUBLE_EQ(step.lr(19), 0.5);
  EXPECT_DOUBLE_EQ(step.lr(20), 0.05);
}

TEST(MakeSchedule, CycleIsOneCycleSchedule) {
  const Schedule expected = OneCycleSchedule{.max_lr = 0.5, .total_steps = 40, .pct_start = 0.25, .div_factor = 10};
  const Schedule cycle = schedule("{name: one_cycle, pct_start: 0.25, div_factor: 10}");
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_EQ(cycle.lr(i), expected.lr(i));
}

TEST(MakeSchedule, FitsTheWarmupIntoAShortRun) {
  EXPECT_DOUBLE_EQ(schedule("{name: cosine, warmup_epochs: 2}", /*total_steps=*/5).lr(4), 0.5);
  EXPECT_DOUBLE_EQ(schedule("{name: cosine, warmup_epochs: 2}", /*total_steps=*/1).lr(0), 0.5);
}

TEST(MakeOptimizer, LeavesNormsAndBiasesWithoutDecayUnlessAsked) {
  const auto net = detail::initial_model(tiny_experiment());
  const auto groups = [&](const std::vector<Override>& overrides) {
    return detail::make_optimizer(tiny_experiment(overrides).optimizer, *net)->groups();
  };
  const auto two = groups({});
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].weight_decay, 1e-3);
  EXPECT_EQ(two[1].weight_decay, 0.0);
  EXPECT_EQ(groups({{"optimizer.decay_norms_and_biases", "true"}}).size(), 1U);
  EXPECT_EQ(groups({{"optimizer", "{name: adamw, weight_decay: 0.5}"}})[0].weight_decay, 0.5);
}

TEST(InitialModel, DependsOnTheSeedAlone) {
  const auto hash = [](const std::vector<Override>& overrides) {
    return weights_hash(*detail::initial_model(tiny_experiment(overrides)));
  };
  EXPECT_EQ(hash({}), hash({{"epochs", "9"}}));
  EXPECT_NE(hash({}), hash({{"seed", "2"}}));
}

TEST(OpenDatasets, TestImagesFollowTheTrainingImages) {
  const detail::Datasets data = detail::open_datasets(tiny_experiment());
  EXPECT_EQ(data.train->size(), 28);
  EXPECT_EQ(data.test->size(), 12);
  EXPECT_NE(data.train->get(0).image, data.test->get(0).image);
}

/// Two folders of image folders with these classes.
Experiment folder_experiment(const std::vector<std::string>& train, const std::vector<std::string>& test,
                             const std::string& num_classes) {
  const auto root = test::fresh_path("images");
  const auto fill = [&](const std::string& split, const std::vector<std::string>& classes) {
    for (const std::string& name : classes) {
      std::filesystem::create_directories(root / split / name);
      std::filesystem::copy_file(OCTET_TEST_DATA "/images/grey.png", root / split / name / "1.png");
    }
    return (root / split).string();
  };
  return tiny_experiment(
      {{"data", "{kind: image_folder, train: " + fill("train", train) + ", test: " + fill("test", test) + "}"},
       {"model.num_classes", num_classes}});
}

TEST(OpenDatasets, NeedsAsManyClassesAsTheModel) {
  EXPECT_EQ(error_text([] {
              detail::open_datasets(folder_experiment({"a", "b"}, {"a", "b"}, "3"));
            }),
            "experiment tiny: model.num_classes is 3, but the training data has 2 classes");
  EXPECT_EQ(error_text([] {
              detail::open_test_set(folder_experiment({"a", "b"}, {"a"}, "2"));
            }),
            "experiment tiny: model.num_classes is 2, but the test data has 1 class");
}

TEST(OpenDatasets, NeedsTheSameFoldersForTrainingAndTest) {
  EXPECT_EQ(error_text([] {
              detail::open_datasets(folder_experiment({"a", "b"}, {"a", "c"}, "2"));
            }),
            R"(data.test: its folders are not those of data.train: it lacks "b"; data.train lacks "c")");
  EXPECT_EQ(error_text([] {
              detail::open_datasets(folder_experiment({"a", "b"}, {"a"}, "2"));
            }),
            R"(data.test: its folders are not those of data.train: it lacks "b")");
  EXPECT_EQ(detail::open_datasets(folder_experiment({"a", "b"}, {"a", "b"}, "2")).test->size(), 2);
}

TEST(OpenDatasets, NamesTheKeyOfWhatIsWrong) {
  const auto none = test::fresh_path("none").string();
  Experiment folder = folder_experiment({"a"}, {"a"}, "1");
  auto& source = std::get<ImageFolderSource>(folder.data);
  source.test = none;
  EXPECT_EQ(error_text([&] { detail::open_datasets(folder); }),
            "data.test: there is no " + none + "; data that has moved is named with --set data.test=PATH");
  source.test = source.train + "/a";
  EXPECT_EQ(error_text([&] { detail::open_datasets(folder); }),
            "data.test: ImageFolder: " + source.test + ": there are no class folders");

  const auto empty = test::fresh_path("empty").string();
  write_file_atomically(empty, "");
  const auto images = test::fresh_path("images").string();
  using std::string_literals::operator""s;
  write_file_atomically(images, "\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x02\x10\x20"s);
  const auto idx = [&](const std::string& of_images, const std::string& of_labels) {
    const std::string data = text("{kind: idx, train_images: ", of_images, ", train_labels: ", of_labels,
                                  ", test_images: a, test_labels: b}");
    return error_text([&] {
      detail::open_datasets(
          tiny_experiment({{"data", data}, {"model", "{name: resnet8, in_channels: 1, num_classes: 2}"}}));
    });
  };
  EXPECT_EQ(idx(empty, images).find("data.train_images: " + empty), 0U);
  EXPECT_EQ(idx(images, empty).find("data.train_labels: " + empty), 0U);
  // One name begins with the other.
  write_file_atomically(images + "-labels", "");
  EXPECT_EQ(idx(images, images + "-labels").find("data.train_labels: " + images + "-labels: "), 0U);
  EXPECT_EQ(idx(images, images),
            "data.train_images, data.train_labels: " + images + ": labels must be [N] ([1, 1, 2])");
}

TEST(OpenDatasets, TriesTheTransformsOnImagesOfEverySizeBeforeAnythingIsTrained) {
  Experiment experiment = folder_experiment({"a", "b"}, {"a", "b"}, "2");
  const auto& source = std::get<ImageFolderSource>(experiment.data);
  const auto test = [&](const std::string& key, Transform Experiment::*transform, const std::string& root) {
    std::filesystem::copy_file(OCTET_TEST_DATA "/images/subsampled.jpg", root + "/b/2.jpg");
    experiment.train_transforms = experiment.test_transforms = {.steps = {Resize{.size = 8}}};
    const auto error = [&](const Transform& tried) {
      experiment.*transform = tried;
      return error_text([&] { detail::open_datasets(experiment); });
    };
    EXPECT_EQ(
        error({.steps = {RandomCrop{.size = 24}}}),
        key + ": " + root + "/b/2.jpg: RandomCrop: image of 23x37 with padding 0 is smaller than the crop (24x24)");
    EXPECT_EQ(error({}), key + ": " + root +
                             "/b/2.jpg: make_batch: images of a batch must have one size, but this one is [3, 23, 37] "
                             "in a batch of [2, 3, 24, 40]; let the transform end with a crop or Resize");
    EXPECT_EQ(error({.steps = {CenterCrop{.size = 8}}, .normalize = {.mean = {1, 2}}}),
              key + ": " + root +
                  "/a/1.png: Normalize: mean and stddev need one number, or one per channel (mean 2, stddev 1, image "
                  "channels 3)");
  };
  test("train_transforms", &Experiment::train_transforms, source.train);
  test("test_transforms", &Experiment::test_transforms, source.test);
}

TEST(OpenDatasets, ReadsEveryImageBeforeAnythingIsTrained) {
  Experiment experiment = folder_experiment({"a", "b"}, {"a", "b"}, "2");
  auto& source = std::get<ImageFolderSource>(experiment.data);
  const std::filesystem::path damaged = std::filesystem::path(source.test) / "b" / "2.png";
  std::filesystem::copy_file(OCTET_TEST_DATA "/images/grey.png", damaged);
  std::filesystem::resize_file(damaged, 60);
  write_file_atomically(std::filesystem::path(source.train) / "a" / "3.webp", "no image");
  EXPECT_NE(error_text([&] { detail::open_datasets(experiment); }).find(damaged.string() + ": byte "),
            std::string::npos);
  source.skip_unreadable = true;
  const detail::Datasets data = detail::open_datasets(experiment);
  EXPECT_EQ(data.test->size(), 2);
  EXPECT_EQ(detail::open_test_set(experiment)->size(), 2);
  const std::vector<std::string> lines = detail::left_out_lines(data);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "left out of the training images: 1 .webp, the first: a/3.webp");
  EXPECT_TRUE(lines[1].starts_with("left out of the test images: 1 unreadable, the first: " + damaged.string()));
}

TEST(OpenDatasets, NeedsTheModelsChannels) {
  const auto images = test::fresh_path("images"), labels = test::fresh_path("labels");
  using std::string_literals::operator""s;
  write_file_atomically(images, "\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x02\x10\x20"s);  // one image of 1x2
  write_file_atomically(labels, "\0\0\x08\x01\0\0\0\x01\0"s);
  const std::string data = text("{kind: idx, train_images: ", images.string(), ", train_labels: ", labels.string(),
                                ", test_images: ", images.string(), ", test_labels: ", labels.string(), "}");
  const auto open = [&](const std::string& channels) {
    detail::open_datasets(tiny_experiment({{"data", data},
                                           {"model.num_classes", "2"},
                                           {"model.in_channels", channels},
                                           {"train_transforms", "[]"},
                                           {"test_transforms", "[]"}}));
  };
  EXPECT_NO_THROW(open("1")) << "numbered classes need not all be there";
  EXPECT_EQ(error_text([&] { open("3"); }),
            "experiment tiny: model.in_channels is 3, but the images of the training data have 1");
}

}  // namespace
}  // namespace octet
