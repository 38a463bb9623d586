// SPDX-License-Identifier: Apache-2.0
// What a run leaves in its directory.
#include "octet/experiment/run/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/experiment/run/system_info.h"
#include "octet/nn/safetensors.h"
#include "support/run_recorder.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::fresh_path;
using test::tiny_experiment;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::vector<std::string> keys(const Document& map) {
  std::vector<std::string> names;
  for (const Document::Member& member : map.members()) names.push_back(member.key);
  return names;
}

class RunRecordTest : public testing::Test {
 protected:
  RunRecordTest() : directory_{fresh_path()} {
    test::RunRecorder recorder;
    recorder.on_step = [this](const StepReport& step) {
      if (step.step == 1) early_manifest_ = json(directory_.manifest());
    };
    result_ = train(tiny_experiment(), recorder, {.run_directory = directory_.root});
  }

  static Document json(const std::filesystem::path& path) {
    return parse_json(read_file(path, 1 << 20), path.string());
  }

  RunDirectory directory_;
  RunResult result_;
  Document early_manifest_;
};

TEST_F(RunRecordTest, LeavesTheFilesThatRunDirectoryLists) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.root))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, UnorderedElementsAre("experiment.json", "manifest.json", "log.jsonl", "checkpoint.safetensors",
                                          "checkpoint.previous.safetensors", "weights.safetensors"));
}

TEST_F(RunRecordTest, ManifestSaysHowTheRunCameAbout) {
  const Document manifest = json(directory_.manifest());
  EXPECT_THAT(keys(manifest), ElementsAre("format", "status", "started", "written", "resumed_at_steps", "machines",
                                          "experiment", "seeds", "data", "environment", "durations", "result"));
  EXPECT_EQ(manifest.at("status").as_string(), "complete");
  EXPECT_EQ(to_json(manifest.at("experiment")), to_json(to_document(tiny_experiment())));
  EXPECT_EQ(to_json(manifest.at("environment")), to_json(to_document(system_info())));
  EXPECT_EQ(to_json(manifest.at("machines")), text(R"([{"from_step": 0, "onednn": ")", system_info().onednn_version,
                                                   R"(", "isa": ")", system_info().isa, R"("}])"));
  EXPECT_EQ(to_json(manifest.at("seeds")), R"({"experiment": 1})");
  EXPECT_EQ(manifest.at("data").at("train").at("samples").as_integer(), 28);
  EXPECT_EQ(manifest.at("data").at("train").at("sha256").as_string().size(), 64U);
  EXPECT_NE(manifest.at("data").at("train").at("sha256").as_string(),
            manifest.at("data").at("test").at("sha256").as_string());
  EXPECT_EQ(to_json(manifest.at("data").at("class_names")), R"(["0", "1", "2"])");
  EXPECT_GT(manifest.at("durations").at("train_seconds").as_real(), 0.0);

  const Document& result = manifest.at("result");
  EXPECT_EQ(result.at("steps").as_integer(), 12);
  EXPECT_EQ(result.at("epochs").as_integer(), 3);
  EXPECT_EQ(result.at("test_accuracy").as_real(), result_.epochs[2].test_accuracy);
  EXPECT_GE(result.at("best_test_accuracy").as_real(), result.at("test_accuracy").as_real());
  EXPECT_EQ(result.at("weights_sha256").as_string(), result_.weights_sha256);
}

TEST_F(RunRecordTest, ManifestIsThereFromTheStart) {
  EXPECT_EQ(early_manifest_.at("status").as_string(), "running");
  EXPECT_EQ(to_json(early_manifest_.at("result")), R"({"steps": 0, "epochs": 0})");
}

TEST_F(RunRecordTest, LogHasALineEveryFewStepsAndEveryEpoch) {
  std::istringstream log(read_file(directory_.log(), 1 << 20));
  std::vector<std::string> seen;
  for (std::string line; std::getline(log, line);) {
    const Document entry = parse_json(line, "log");
    if (seen.empty()) {
      EXPECT_EQ(line, R"({"event": "log", "format": "octet log 1"})");
      seen.push_back("log");
      continue;
    }
    seen.push_back(entry.at("event").as_string() + " " + std::to_string(entry.at("step").as_integer()));
    if (entry.at("event").as_string() == "step") {
      EXPECT_THAT(keys(entry), ElementsAre("event", "epoch", "step", "lr", "loss", "images_per_second"));
    } else {
      EXPECT_THAT(keys(entry), ElementsAre("event", "epoch", "step", "lr", "train_loss", "train_accuracy", "test_loss",
                                           "test_accuracy", "images_per_second", "train_seconds", "test_seconds"));
    }
  }
  EXPECT_THAT(seen, ElementsAre("log", "step 2", "step 4", "epoch 4", "step 6", "step 8", "epoch 8", "step 10",
                                "step 12", "epoch 12"));
}

TEST_F(RunRecordTest, WeightsSayWhatTheyAreFor) {
  const safetensors::Metadata metadata = safetensors::File::read(directory_.weights()).metadata();
  EXPECT_EQ(metadata.at("experiment"), to_json(to_document(tiny_experiment())));
  EXPECT_EQ(metadata.at("class_names"), R"(["0", "1", "2"])");
  EXPECT_EQ(metadata.at("input_shape"), "[1, 8, 8]");
}

TEST_F(RunRecordTest, ExperimentIsKeptWithEveryDefault) {
  EXPECT_EQ(to_json(json(directory_.experiment())), to_json(to_document(tiny_experiment())));
}

}  // namespace
}  // namespace octet
