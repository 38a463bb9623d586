// SPDX-License-Identifier: Apache-2.0
#include "octet/config/fields.h"

#include <gtest/gtest.h>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

/// A map called "training" that starts in line 2 of exp.yaml: "text" holds its lines.
class Training {
 public:
  explicit Training(const std::string& text)
      : document_(parse_yaml("training:\n" + text, "exp.yaml")), fields_(Fields(document_).fields("training")) {}
  Fields* operator->() { return &fields_; }

 private:
  Document document_;
  Fields fields_;
};

template <typename Get>
std::string error(const std::string& text, Get get) {
  Training training(text);
  return error_text([&] { get(training); });
}

enum class Schedule { kCosine, kStep };

Schedule get_schedule(Training& training, std::optional<Schedule> fallback = {}) {
  return training->get_choice<Schedule>("schedule", {{"cosine", Schedule::kCosine}, {"step", Schedule::kStep}},
                                        fallback);
}

TEST(Fields, ReadEveryType) {
  Training training(
      "  epochs: 3\n  lr: 0.5\n  decay: 1\n  name: x\n  nesterov: true\n  schedule: step\n  milestones: [1, 2]\n"
      "  mean: [0.5, 1]\n  classes: [shirt, bag]\n  none: []\n");
  EXPECT_EQ(training->get_int("epochs", {1, 10}), 3);
  EXPECT_EQ(training->get_real("lr", {}), 0.5);
  EXPECT_EQ(training->get_real("decay", {}), 1.0);
  EXPECT_EQ(training->get_string("name"), "x");
  EXPECT_TRUE(training->get_bool("nesterov"));
  EXPECT_EQ(get_schedule(training), Schedule::kStep);
  EXPECT_EQ(training->get_ints("milestones", {1, 2}), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(training->get_reals("mean", {0, 1}), (std::vector<double>{0.5, 1}));
  EXPECT_EQ(training->get_strings("classes"), (std::vector<std::string>{"shirt", "bag"}));
  EXPECT_TRUE(training->get_ints("none", {}).empty());
  EXPECT_EQ(error_text([&] { training->finish(); }), "no error");
}

TEST(Fields, FallBackWhenAKeyIsMissingOrNull) {
  Training training("  epochs:\n  lr: ~\n");
  EXPECT_EQ(training->get_int("epochs", {1, 10}, 4), 4);
  EXPECT_EQ(training->get_real("lr", {}, 0.1), 0.1);
  EXPECT_EQ(training->get_string("name", "y"), "y");
  EXPECT_FALSE(training->get_bool("nesterov", false));
  EXPECT_EQ(get_schedule(training, Schedule::kCosine), Schedule::kCosine);
  EXPECT_EQ(training->get_ints("milestones", {}, {{8}}), (std::vector<std::int64_t>{8}));
  EXPECT_EQ(training->get_reals("mean", {}, {{0.5}}), (std::vector<double>{0.5}));
  EXPECT_EQ(training->get_strings("classes", {{"a"}}), (std::vector<std::string>{"a"}));
  EXPECT_FALSE(training->has("epochs"));
  EXPECT_EQ(error_text([&] { training->finish(); }), "no error");
}

TEST(Fields, DemandKeysWithoutFallback) {
  EXPECT_EQ(error("  lr: 1\n", [](Training& t) { t->get_int("epochs", {}); }),
            "exp.yaml:2:3: missing key \"epochs\" in training");
  EXPECT_EQ(error("  epoch: 1\n", [](Training& t) { t->get_int("epochs", {}); }),
            "exp.yaml:2:3: missing key \"epochs\" in training (there is \"epoch\")");
  EXPECT_EQ(error("  epochs:\n", [](Training& t) { t->get_int("epochs", {}); }),
            "exp.yaml:3:1: training.epochs: the value is missing");
  EXPECT_EQ(error("  x: 1\n", [](Training& t) { get_schedule(t); }),
            "exp.yaml:2:3: missing key \"schedule\" in training");
  const Document top = parse_yaml("a: 1\n", "exp.yaml");
  EXPECT_EQ(error_text([&] { Fields(top).get_string("model"); }), "exp.yaml:1:1: missing key \"model\"");
}

TEST(Fields, RefuseOtherTypes) {
  EXPECT_EQ(error("  epochs: ten\n", [](Training& t) { t->get_int("epochs", {}); }),
            "exp.yaml:2:11: training.epochs: expected an integer, got the string \"ten\"");
  EXPECT_EQ(error("  epochs: 3.0\n", [](Training& t) { t->get_int("epochs", {}); }),
            "exp.yaml:2:11: training.epochs: expected an integer, got the real 3.0");
  EXPECT_EQ(error("  lr: '0.1'\n", [](Training& t) { t->get_real("lr", {}); }),
            "exp.yaml:2:7: training.lr: expected a number, got the quoted string \"0.1\"");
  EXPECT_EQ(error("  nesterov: yes\n", [](Training& t) { t->get_bool("nesterov"); }),
            "exp.yaml:2:13: training.nesterov: expected true or false, got the string \"yes\"");
  EXPECT_EQ(error("  name: 18\n", [](Training& t) { t->get_string("name"); }),
            "exp.yaml:2:9: training.name: expected a string, got the integer 18; put it in quotes");
  EXPECT_EQ(error("  name: [a]\n", [](Training& t) { t->get_string("name"); }),
            "exp.yaml:2:9: training.name: expected a string, got a list");
  EXPECT_EQ(error("  milestones: 3\n", [](Training& t) { t->get_ints("milestones", {}); }),
            "exp.yaml:2:15: training.milestones: expected a list, got the integer 3");
  EXPECT_EQ(error("  milestones: [1, x]\n", [](Training& t) { t->get_ints("milestones", {}); }),
            "exp.yaml:2:19: training.milestones[1]: expected an integer, got the string \"x\"");
}

TEST(Fields, RefuseIntegersOutOfRange) {
  EXPECT_EQ(error("  epochs: 0\n",
                  [](Training& t) {
                    t->get_int("epochs", {1, 1000});
                  }),
            "exp.yaml:2:11: training.epochs: has to be at least 1 and at most 1000 but is 0");
  EXPECT_EQ(error("  epochs: -1\n", [](Training& t) { t->get_int("epochs", {.min = 0}); }),
            "exp.yaml:2:11: training.epochs: has to be at least 0 but is -1");
  EXPECT_EQ(error("  steps: [1, 9]\n", [](Training& t) { t->get_ints("steps", {.max = 8}); }),
            "exp.yaml:2:14: training.steps[1]: has to be at most 8 but is 9");
}

TEST(Fields, RefuseRealsOutOfRange) {
  const auto lr = [](RealRange range) { return [range](Training& t) { t->get_real("lr", range); }; };
  EXPECT_EQ(error("  lr: 0\n", lr({.min = 0, .open_min = true})),
            "exp.yaml:2:7: training.lr: has to be above 0.0 but is 0.0");
  EXPECT_EQ(error("  lr: 0\n", lr({.min = 0})), "no error");
  EXPECT_EQ(error("  lr: 1\n", lr({.min = 0, .max = 1, .open_max = true})),
            "exp.yaml:2:7: training.lr: has to be at least 0.0 and below 1.0 but is 1.0");
  EXPECT_EQ(error("  lr: 1\n", lr({.min = 0, .max = 1})), "no error");
  EXPECT_EQ(error("  lr: 1.5\n", lr({.max = 1})), "exp.yaml:2:7: training.lr: has to be at most 1.0 but is 1.5");
  EXPECT_EQ(error("  lr: .nan\n", lr({})), "exp.yaml:2:7: training.lr: expected a finite number, got the real nan");
  EXPECT_EQ(error("  lr: -.inf\n", lr({})), "exp.yaml:2:7: training.lr: expected a finite number, got the real -inf");
}

TEST(Fields, OfferTheChoices) {
  EXPECT_EQ(error("  schedule: cosin\n", [](Training& t) { get_schedule(t); }),
            "exp.yaml:2:13: training.schedule: expected one of cosine, step, got \"cosin\"; did you mean \"cosine\"?");
  EXPECT_EQ(error("  schedule: linear\n", [](Training& t) { get_schedule(t, Schedule::kStep); }),
            "exp.yaml:2:13: training.schedule: expected one of cosine, step, got \"linear\"");
  EXPECT_EQ(error("  schedule: 1\n", [](Training& t) { get_schedule(t); }),
            "exp.yaml:2:13: training.schedule: expected a string, got the integer 1; put it in quotes");
}

TEST(Fields, RefuseUnknownKeys) {
  const auto finish = [](Training& t) {
    t->get_int("epochs", {}, 1);
    t->get_real("lr", {}, 1);
    t->finish();
  };
  EXPECT_EQ(error("  lr: 1\n  epoch: 3\n", finish),
            "exp.yaml:3:3: unknown key \"epoch\" in training; did you mean \"epochs\"?");
  EXPECT_EQ(error("  momentum: 0.9\n", finish),
            "exp.yaml:2:3: unknown key \"momentum\" in training; known keys: epochs, lr");
  EXPECT_EQ(error("  momentum:\n", finish),
            "exp.yaml:2:3: unknown key \"momentum\" in training; known keys: epochs, lr");
  const Document top = parse_yaml("x: 1\n", "exp.yaml");
  EXPECT_EQ(error_text([&] { Fields(top).finish(); }), "exp.yaml:1:1: unknown key \"x\"");
}

TEST(Fields, DescendIntoMaps) {
  const Document document = parse_yaml("data:\n  train: {batch: 0}\nother: 3\n", "exp.yaml");
  Fields top(document);
  Fields train = top.fields("data").fields("train");
  EXPECT_EQ(error_text([&] { train.get_int("batch", {.min = 1}); }),
            "exp.yaml:2:18: data.train.batch: has to be at least 1 but is 0");
  EXPECT_EQ(error_text([&] { top.fields("other"); }), "exp.yaml:3:8: other: expected a map, got the integer 3");
  Fields missing = top.fields("training").fields("schedule");
  EXPECT_EQ(missing.name(), "training.schedule");
  EXPECT_EQ(missing.get_int("steps", {}, 5), 5);
  EXPECT_EQ(error_text([&] { missing.get_int("steps", {}); }),
            "exp.yaml:1:1: missing key \"steps\" in training.schedule");
  missing.finish();
}

TEST(Fields, ReadAnEmptyFileAsNoKeys) {
  const Document empty = parse_yaml("", "exp.yaml");
  EXPECT_EQ(Fields(empty).get_int("epochs", {}, 2), 2);
  const Document list = parse_yaml("- 1\n", "exp.yaml");
  EXPECT_EQ(error_text([&] { Fields fields(list); }), "exp.yaml:1:1: expected a map, got a list");
}

TEST(Fields, ReadListsOfMaps) {
  Training training("  transforms:\n  - name: crop\n    padding: 4\n  - name: flip\n    paddin: 1\n");
  std::vector<Fields> transforms = training->fields_list("transforms");
  ASSERT_EQ(transforms.size(), 2U);
  EXPECT_EQ(transforms[0].get_string("name"), "crop");
  EXPECT_EQ(transforms[1].get_int("padding", {}, 0), 0);
  EXPECT_EQ(error_text([&] { transforms[1].finish(); }),
            "exp.yaml:5:5: unknown key \"name\" in training.transforms[1]; known keys: padding");
  EXPECT_TRUE(training->fields_list("none").empty());
  EXPECT_EQ(error("  transforms: [1]\n", [](Training& t) { t->fields_list("transforms"); }),
            "exp.yaml:2:16: training.transforms[0]: expected a map, got the integer 1");
}

TEST(Fields, NoteAllMistakesInTheOrderOfTheFile) {
  const Document document = parse_yaml("epochs: ten\nbatch: 0\nlrr: 1\nstrange: 2\ndata: {kindd: a}\nmodel: 3\n", "e");
  Mistakes mistakes;
  Fields top(document, "", mistakes);
  top.section("optimizer").finish();
  Fields model = top.section("model");
  model.get_string("name");
  model.finish();
  Fields data = top.section("data");
  data.get_string("kind");
  data.finish();
  EXPECT_FALSE(data.sound());
  top.get_real("lr", {});
  EXPECT_EQ(top.get_int("batch", {.min = 1}), 1);
  top.get_int("epochs", {.min = 1});
  top.fail_at("epochs", "is told once");
  top.require_at(false, "other", "is not judged where something else is wrong");
  top.finish();
  EXPECT_EQ(error_text([&] { mistakes.throw_if_any("e"); }), R"(e: 7 mistakes:
  e:1:1: missing section "optimizer"
  e:1:1: missing key "lr" (there is "lrr")
  e:1:9: epochs: expected an integer, got the string "ten"
  e:2:8: batch: has to be at least 1 but is 0
  e:4:1: unknown key "strange"; known keys: optimizer, model, data, lr, batch, epochs
  e:5:7: missing key "kind" in data (there is "kindd")
  e:6:8: model: expected a map, got the integer 3)");
}

TEST(Fields, NoteOneMistakeAsTheyThrowIt) {
  const Document document = parse_yaml("kind: other\nlr: -1\n", "e");
  Mistakes mistakes;
  Fields top(document, "", mistakes);
  top.get_choice<int>("kind", {{"a", 1}});
  top.get_real("lr", {.min = 0});  // of what another kind would have, nothing is known
  top.get_int("epochs", {});
  top.finish();
  EXPECT_FALSE(top.sound());
  EXPECT_EQ(error_text([&] { mistakes.throw_if_any("e"); }), R"(e:1:7: kind: expected one of a, got "other")");
  EXPECT_EQ(error_text([] { Mistakes().throw_if_any("e"); }), "no error");
}

TEST(Fields, GiveThePlainValue) {
  Training training("  lr: [1, a]\n  none:\n");
  EXPECT_EQ(training->find("lr")->items().size(), 2U);
  EXPECT_EQ(training->find("none"), nullptr);
  EXPECT_EQ(training->find("missing"), nullptr);
  EXPECT_EQ(error_text([&] { training->finish(); }), "no error");
}

TEST(Fields, FailAtAKeyForRulesOfTheCaller) {
  Training training("  warmup: 9\n");
  EXPECT_EQ(error_text([&] { training->fail_at("warmup", "is longer than the training"); }),
            "exp.yaml:2:11: training.warmup: is longer than the training");
  EXPECT_EQ(error_text([&] { training->fail_at("epochs", "is needed with warmup"); }),
            "exp.yaml:2:3: training.epochs: is needed with warmup");
}

}  // namespace
}  // namespace octet
