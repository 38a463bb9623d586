// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "octet/experiment/file/experiment.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

// Lines: 1 name, 2 data, 3 model, 4 epochs, 5 batch_size, 6 optimizer; what a test adds stands on line 7.
constexpr const char* kData = "data: {kind: fashion_mnist}\n";
constexpr const char* kModel = "model: {name: resnet20}\n";
constexpr const char* kOptimizer = "optimizer: {name: sgd, lr: 0.1}\n";

struct Lines {
  std::string name = "name: e\n", data = kData, model = kModel, epochs = "epochs: 4\n", batch_size = "batch_size: 8\n",
              optimizer = kOptimizer, more = "";
  std::string yaml() const { return name + data + model + epochs + batch_size + optimizer + more; }
};

Experiment parse(const Lines& lines) {
  const std::vector<std::string> models = {"resnet18", "resnet20"};
  return parse_experiment(parse_yaml(lines.yaml(), "e.yaml"), models);
}

std::string error_of(const Lines& lines) {
  return error_text([&] { parse(lines); });
}

TEST(ParseExperiment, FillsInDefaults) {
  const Experiment e = parse(Lines{});
  EXPECT_EQ(e.name, "e");
  EXPECT_EQ(e.seed, 1);
  EXPECT_EQ(std::get<FashionMnistSource>(e.data).directory, "/usr/share/datasets/fashion-mnist");
  EXPECT_EQ(e.model.name, "resnet20");
  EXPECT_EQ(e.model.options.in_channels, 1);
  EXPECT_EQ(e.model.options.num_classes, 10);
  EXPECT_FALSE(e.max_steps.has_value());
  EXPECT_FALSE(e.grad_clip.has_value());
  EXPECT_TRUE(e.train_transforms.steps.empty());
  EXPECT_FALSE(e.optimizer.decay_norms_and_biases);
  EXPECT_TRUE(std::holds_alternative<ConstantSpec>(e.schedule.curve));
  EXPECT_EQ(e.run_dir, "runs/{name}");
}

TEST(ParseExperiment, ReadsTransformsInTheirOrder) {
  const Experiment e = parse({.more = R"(train_transforms:
  - {name: resize, size: [20, 30]}
  - {name: random_crop, size: 16, padding: 2}
  - {name: random_horizontal_flip, p: 0.25}
  - {name: normalize, mean: [0.1], std: 0.5}
  - {name: random_erasing, p: 1, max_scale: 0.5}
)"});
  const Transform& t = e.train_transforms;
  ASSERT_EQ(t.steps.size(), 3U);
  EXPECT_EQ(std::get<Resize>(t.steps[0]).size, Size2(20, 30));
  EXPECT_EQ(std::get<RandomCrop>(t.steps[1]).size, Size2(16));
  EXPECT_EQ(std::get<RandomCrop>(t.steps[1]).padding, 2);
  EXPECT_EQ(std::get<RandomHorizontalFlip>(t.steps[2]).p, 0.25F);
  EXPECT_EQ(t.normalize.mean, std::vector<float>{0.1F});
  EXPECT_EQ(t.normalize.stddev, std::vector<float>{0.5F});
  ASSERT_TRUE(t.erasing.has_value());
  EXPECT_EQ(t.erasing->p, 1.0F);
  EXPECT_EQ(t.erasing->min_scale, 0.02F);
  EXPECT_EQ(t.erasing->max_scale, 0.5F);
}

TEST(ParseExperiment, TakesChannelsAndClassesFromTheData) {
  const auto options = [](const std::string& data) { return parse({.data = "data: " + data + "\n"}).model.options; };
  EXPECT_EQ(options("{kind: cifar10, directory: d}").in_channels, 3);
  EXPECT_EQ(options("{kind: cifar100, directory: d}").num_classes, 100);
  EXPECT_EQ(options("{kind: cifar100, directory: d, labels: coarse}").num_classes, 20);
  EXPECT_EQ(options("{kind: synthetic, train_samples: 1, test_samples: 1, channels: 2, classes: 7}").in_channels, 2);
  EXPECT_EQ(options("{kind: synthetic, train_samples: 1, test_samples: 1, channels: 2, classes: 7}").num_classes, 7);
}

TEST(ParseExperiment, ReadsWhatBecomesOfUnreadableImages) {
  const auto lines = [](const std::string& more) {
    return Lines{.data = "data: {kind: image_folder, train: a, test: b" + more + "}\n",
                 .model = "model: {name: resnet20, num_classes: 2}\n"};
  };
  const auto skips = [&](const std::string& more) {
    return std::get<ImageFolderSource>(parse(lines(more)).data).skip_unreadable;
  };
  EXPECT_FALSE(skips(""));
  EXPECT_FALSE(skips(", on_unreadable: stop"));
  EXPECT_TRUE(skips(", on_unreadable: skip"));
  EXPECT_EQ(error_of(lines(", on_unreadable: skp")),
            R"(e.yaml:2:62: data.on_unreadable: expected one of stop, skip, got "skp"; did you mean "skip"?)");
}

TEST(ParseExperiment, ReadsEverySchedule) {
  const auto schedule = [](const std::string& text) { return parse({.more = "schedule: " + text + "\n"}).schedule; };
  EXPECT_EQ(std::get<StepSpec>(schedule("{name: step, milestones: [2, 3], gamma: 0.2}").curve).milestones,
            (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::get<CosineSpec>(schedule("{name: cosine, eta_min: 0.001}").curve).eta_min, 0.001);
  EXPECT_EQ(std::get<OneCycleSpec>(schedule("{name: one_cycle, pct_start: 0.4}").curve).pct_start, 0.4);
  EXPECT_EQ(schedule("{warmup_epochs: 1.5, warmup_start_factor: 0.1}").warmup.epochs, 1.5);
}

struct BadCase {
  const char* about;
  Lines lines;
  std::string message;

  friend void PrintTo(const BadCase& c, std::ostream* out) { *out << c.lines.yaml(); }
};

class BadExperiment : public testing::TestWithParam<BadCase> {};

TEST_P(BadExperiment, IsRefusedWithPositionAndReason) { EXPECT_EQ(error_of(GetParam().lines), GetParam().message); }

const BadCase kBadCases[] = {
    {"UnknownKey", {.more = "epoch: 3\n"}, R"(e.yaml:7:1: unknown key "epoch"; did you mean "epochs"?)"},
    {"UnknownKeyInAMap",
     {.optimizer = "optimizer: {name: sgd, lr: 0.1, momentun: 0.9}\n"},
     R"(e.yaml:6:33: unknown key "momentun" in optimizer; did you mean "momentum"?)"},
    {"KeyOfAnotherOptimizer",
     {.optimizer = "optimizer: {name: adamw, lr: 0.1, nesterov: true}\n"},
     R"(e.yaml:6:35: unknown key "nesterov" in optimizer; known keys: name, lr, beta1, beta2, eps, weight_decay, decay_norms_and_biases)"},
    {"UnknownKeyInATransform",
     {.more = "test_transforms:\n  - {name: resize, sise: 3}\n"},
     R"(e.yaml:8:5: missing key "size" in test_transforms[0] (there is "sise"))"},
    {"MissingName", {.name = ""}, R"(e.yaml:1:1: missing key "name")"},
    {"NameThatIsAPath",
     {.name = "name: a/b\n"},
     "e.yaml:1:7: name: has to be made of letters, digits, '-', '_' and '.', and not start with '.'"},
    {"MissingData", {.data = ""}, R"(e.yaml:1:1: missing section "data")"},
    {"UnknownData",
     {.data = "data: {kind: cifar11}\n"},
     R"(e.yaml:2:14: data.kind: expected one of fashion_mnist, cifar10, cifar100, image_folder, idx, synthetic, got "cifar11"; did you mean "cifar10"?)"},
    {"DataWithoutDirectory", {.data = "data: {kind: cifar10}\n"}, R"(e.yaml:2:7: missing key "directory" in data)"},
    {"TwoChannels",
     {.data = "data: {kind: image_folder, train: a, test: b, channels: 2}\n"},
     "e.yaml:2:57: data.channels: has to be 1 (grey) or 3 (colour) but is 2"},
    {"UnknownModel",
     {.model = "model: {name: resnet21}\n"},
     R"(e.yaml:3:15: model.name: expected one of resnet18, resnet20, got "resnet21"; did you mean "resnet20"?)"},
    {"ChannelsThatAreNotTheDatas",
     {.model = "model: {name: resnet20, in_channels: 3}\n"},
     "e.yaml:3:38: model.in_channels: is 3, but the images of data.kind have 1 channel"},
    {"ClassesThatAreNotTheDatas",
     {.model = "model: {name: resnet20, num_classes: 100}\n"},
     "e.yaml:3:38: model.num_classes: is 100, but the data of data.kind has 10 classes"},
    {"ClassesThatNobodyKnows",
     {.data = "data: {kind: image_folder, train: a, test: b}\n"},
     R"(e.yaml:3:8: missing key "num_classes" in model)"},
    {"EpochsAsText", {.epochs = "epochs: ten\n"}, R"(e.yaml:4:9: epochs: expected an integer, got the string "ten")"},
    {"NoEpochs", {.epochs = "epochs: 0\n"}, "e.yaml:4:9: epochs: has to be at least 1 and at most 1000000 but is 0"},
    {"FractionOfABatch",
     {.batch_size = "batch_size: 12.5\n"},
     "e.yaml:5:13: batch_size: expected an integer, got the real 12.5"},
    {"NegativeLearningRate",
     {.optimizer = "optimizer: {name: sgd, lr: -0.1}\n"},
     "e.yaml:6:28: optimizer.lr: has to be above 0.0 but is -0.1"},
    {"NesterovWithoutMomentum",
     {.optimizer = "optimizer: {name: sgd, lr: 0.1, nesterov: true}\n"},
     "e.yaml:6:43: optimizer.nesterov: needs a momentum above 0 and a dampening of 0"},
    {"MissingOptimizer", {.optimizer = ""}, R"(e.yaml:1:1: missing section "optimizer")"},
    {"SmoothingOfOne",
     {.more = "label_smoothing: 1\n"},
     "e.yaml:7:18: label_smoothing: has to be at least 0.0 and below 1.0 but is 1.0"},
    {"NegativeSeed", {.more = "seed: -1\n"}, "e.yaml:7:7: seed: has to be at least 0 but is -1"},
    {"MilestonesThatDoNotAscend",
     {.more = "schedule: {name: step, milestones: [2, 2]}\n"},
     "e.yaml:7:36: schedule.milestones: each has to be greater than the one before"},
    {"WarmupAsLongAsTheRun",
     {.more = "schedule: {name: cosine, warmup_epochs: 4}\n"},
     "e.yaml:7:41: schedule.warmup_epochs: has to be less than epochs (4)"},
    {"WarmupOfACycle",
     {.more = "schedule: {name: one_cycle, warmup_epochs: 1}\n"},
     R"(e.yaml:7:29: unknown key "warmup_epochs" in schedule; known keys: name, pct_start, div_factor, final_div_factor)"},
    {"TransformsThatAreNoList",
     {.more = "train_transforms: {name: resize, size: 3}\n"},
     "e.yaml:7:19: train_transforms: expected a list, got a map"},
    {"UnknownTransform",
     {.more = "train_transforms:\n  - {name: rezise, size: 3}\n"},
     R"(e.yaml:8:12: train_transforms[0].name: expected one of random_crop, random_horizontal_flip, random_resized_crop, center_crop, resize, resize_shorter_side, normalize, random_erasing, got "rezise"; did you mean "resize"?)"},
    {"ThreeSides",
     {.more = "train_transforms:\n  - {name: resize, size: [3, 4, 5]}\n"},
     "e.yaml:8:26: train_transforms[0].size: expected one size or [height, width]"},
    {"StepAfterNormalize",
     {.more = "train_transforms:\n  - {name: normalize, mean: 0, std: 1}\n  - {name: random_horizontal_flip}\n"},
     "e.yaml:9:12: train_transforms[1].name: only random_erasing may follow normalize"},
    {"StepAfterErasing",
     {.more = "train_transforms:\n  - {name: random_erasing}\n  - {name: normalize, mean: 0, std: 1}\n"},
     "e.yaml:9:12: train_transforms[1].name: nothing may follow random_erasing"},
    {"DeviationOfZero",
     {.more = "train_transforms:\n  - {name: normalize, mean: 0, std: [1, 0]}\n"},
     "e.yaml:8:41: train_transforms[0].std[1]: has to be at least 1e-06 and at most 1e+06 but is 0.0"},
    {"CropFromLargeToSmall",
     {.more = "train_transforms:\n  - {name: random_resized_crop, size: 8, min_scale: 0.9, max_scale: 0.5}\n"},
     "e.yaml:8:53: train_transforms[0].min_scale: is greater than max_scale"},
    {"UnknownBraces",
     {.more = "run_dir: \"runs/{date}\"\n"},
     "e.yaml:7:10: run_dir: only {name} and {seed} may be in braces"},
    {"TooManyWorkers",
     {.more = "workers: 1000\n"},
     "e.yaml:7:10: workers: has to be at least 0 and at most 256 but is 1000"},
    {"EmptySection", {.model = "model:\n"}, R"(e.yaml:1:1: missing section "model")"},
    {"SectionMisspelled",
     {.optimizer = "optimiser: {name: sgd, lr: 0.1}\n"},
     R"(e.yaml:1:1: missing section "optimizer" (there is "optimiser"))"},
    {"NothingButAName",
     {.data = "", .model = "", .epochs = "", .batch_size = "", .optimizer = ""},
     R"(e.yaml: 5 mistakes:
  e.yaml:1:1: missing section "data"
  e.yaml:1:1: missing section "model"
  e.yaml:1:1: missing key "epochs"
  e.yaml:1:1: missing key "batch_size"
  e.yaml:1:1: missing section "optimizer")"},
    {"MistakesOfEveryKind",
     {.model = "model: {name: resnet21, in_chanels: 1}\n",
      .epochs = "epochs: ten\n",
      .optimizer = "optimizer: {name: sgd, momentum: 2}\n",
      .more =
          "schedule: {warmup_epochs: 9}\ntrain_transforms:\n  - {name: resize, sise: 3}\n  - {name: flop}\nseeds: 1\n"},
     R"(e.yaml: 8 mistakes:
  e.yaml:3:15: model.name: expected one of resnet18, resnet20, got "resnet21"; did you mean "resnet20"?
  e.yaml:3:25: unknown key "in_chanels" in model; did you mean "in_channels"?
  e.yaml:4:9: epochs: expected an integer, got the string "ten"
  e.yaml:6:12: missing key "lr" in optimizer
  e.yaml:6:34: optimizer.momentum: has to be at least 0.0 and below 1.0 but is 2.0
  e.yaml:9:5: missing key "size" in train_transforms[0] (there is "sise")
  e.yaml:10:12: train_transforms[1].name: expected one of random_crop, random_horizontal_flip, random_resized_crop, center_crop, resize, resize_shorter_side, normalize, random_erasing, got "flop"
  e.yaml:11:1: unknown key "seeds"; did you mean "seed"?)"},
    {"ListAtTheTop",
     {.name = "- 1\n", .data = "", .model = "", .epochs = "", .batch_size = "", .optimizer = ""},
     "e.yaml:1:1: expected a map, got a list"},
};

INSTANTIATE_TEST_SUITE_P(ParseExperiment, BadExperiment, testing::ValuesIn(kBadCases),
                         [](const auto& bad_case) { return std::string(bad_case.param.about); });

TEST(ParseExperiment, ReadsQuantization) {
  EXPECT_FALSE(parse(Lines{}).quantization.has_value());
  const Experiment defaults = parse({.more = "quantization: {weights: runs/a}\n"});
  ASSERT_TRUE(defaults.quantization.has_value());
  EXPECT_EQ(defaults.quantization->weights, "runs/a");
  EXPECT_EQ(defaults.quantization->config, "");
  EXPECT_TRUE(defaults.quantization->definition.is_null());
  EXPECT_FALSE(defaults.quantization->quantize_shortcuts);
  EXPECT_TRUE(defaults.quantization->deploy);

  const Experiment full = parse({.more = R"(quantization:
  weights: w.safetensors
  shortcuts: true
  definition: {batch_num: 2}
)"});
  EXPECT_TRUE(full.quantization->quantize_shortcuts);
  EXPECT_EQ(full.quantization->definition.at("batch_num").as_integer(), 2);
  EXPECT_EQ(parse({.more = "quantization: {weights: w, definition: q.cfg}"}).quantization->definition.as_string(),
            "q.cfg");
}

TEST(ParseExperiment, RefusesQuantizationThatMeansNothing) {
  const auto error = [](const std::string& section) { return error_of({.more = "quantization: " + section + "\n"}); };
  EXPECT_EQ(error("{shortcuts: true}"), "e.yaml:7:15: missing key \"weights\" in quantization");
  EXPECT_EQ(error("{weights: ''}"), "e.yaml:7:25: quantization.weights: is empty");
  EXPECT_EQ(error("{weights: a, shortcut: true}"),
            "e.yaml:7:28: unknown key \"shortcut\" in quantization; did you mean \"shortcuts\"?");
  EXPECT_EQ(error("{weights: a, config: q.json, definition: q.cfg}"),
            "e.yaml:7:56: quantization.definition: excludes config");
  EXPECT_EQ(error("{weights: a, definition: {batch_nums: 2}}"),
            "e.yaml:7:41: unknown key \"batch_nums\"; did you mean \"batch_num\"?");
  EXPECT_EQ(error("{weights: a, definition: 3}"), "e.yaml:7:40: expected a map, got the integer 3");
}

}  // namespace
}  // namespace octet
