// SPDX-License-Identifier: Apache-2.0
// What the paths of an experiment are relative to, as read_experiment() and with_absolute_paths() say.
#include "octet/experiment/file/experiment_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// A folder with an experiment in it, and another one as the working directory.
class ExperimentPaths : public testing::Test {
 protected:
  ExperimentPaths() : root_(test::fresh_path("paths")), before_(fs::current_path()) {
    fs::create_directories(root_ / "experiments");
    fs::create_directories(root_ / "work");
    root_ = fs::canonical(root_);
    fs::current_path(root_ / "work");
  }
  ~ExperimentPaths() override { fs::current_path(before_); }

  Experiment read(const std::string& data_and_more, const std::vector<Override>& overrides = {},
                  const fs::path& as = "../experiments/e.yaml") const {
    write_file_atomically(root_ / "experiments/e.yaml", R"(name: e
model: {name: resnet8, in_channels: 1, num_classes: 2}
epochs: 1
batch_size: 1
optimizer: {name: sgd, lr: 0.1}
train_transforms: []
test_transforms: []
)" + data_and_more + '\n');
    return read_experiment(as, overrides);
  }
  std::string at(const std::string& path) const { return (root_ / path).string(); }

  fs::path root_, before_;
};

TEST_F(ExperimentPaths, OfFilesAreRelativeToTheExperiment) {
  const std::string folder = "data: {kind: image_folder, train: images/train, test: ../test, channels: 1}";
  for (const fs::path& as :
       {fs::path("../experiments/e.yaml"), root_ / "experiments/e.yaml", root_ / "work/../experiments/./e.yaml"}) {
    const auto source = std::get<ImageFolderSource>(read(folder, {}, as).data);
    EXPECT_EQ(source.train, at("experiments/images/train"));
    EXPECT_EQ(source.test, at("test"));
  }
  const auto idx = std::get<IdxSource>(
      read("data: {kind: idx, train_images: a, train_labels: b, test_images: c, test_labels: /d}").data);
  EXPECT_EQ(idx.train_images, at("experiments/a"));
  EXPECT_EQ(idx.train_labels, at("experiments/b"));
  EXPECT_EQ(idx.test_images, at("experiments/c"));
  EXPECT_EQ(idx.test_labels, "/d");
  fs::current_path(root_ / "experiments");
  EXPECT_EQ(std::get<ImageFolderSource>(read(folder, {}, "e.yaml").data).test, at("test"));
}

TEST_F(ExperimentPaths, OnTheCommandLineAreRelativeToTheWorkingDirectory) {
  const auto source = std::get<ImageFolderSource>(
      read("data: {kind: image_folder, train: train, test: test, channels: 1}", {{"data.train", "moved"}}).data);
  EXPECT_EQ(source.train, at("work/moved"));
  EXPECT_EQ(source.test, at("experiments/test"));
  const auto whole =
      std::get<ImageFolderSource>(read("", {{"data", "{kind: image_folder, train: a, test: b, channels: 1}"}}).data);
  EXPECT_EQ(whole.test, at("work/b"));
}

constexpr const char* kSynthetic =
    "data: {kind: synthetic, train_samples: 1, test_samples: 1, channels: 1, classes: 2}\n";

TEST_F(ExperimentPaths, OfRunDirectoriesAreRelativeToTheWorkingDirectory) {
  const std::string retraining = std::string(kSynthetic) + "quantization: {weights: runs/float}";
  fs::create_directories(root_ / "experiments/runs/float");
  EXPECT_EQ(read(retraining).quantization->weights, at("experiments/runs/float"));
  fs::create_directories(root_ / "work/runs/float");
  EXPECT_EQ(read(retraining).quantization->weights, at("work/runs/float"));
  EXPECT_EQ(read(retraining, {{"quantization.weights", "other"}}).quantization->weights, at("work/other"));
}

TEST_F(ExperimentPaths, OfWeightsAndConfigurationsAreRelativeToTheExperiment) {
  for (const char* folder : {"work", "experiments"}) write_file_atomically(root_ / folder / "w.safetensors", "");
  const auto spec = [&](const std::string& map, const std::vector<Override>& overrides = {}) {
    return *read(kSynthetic + ("quantization: " + map), overrides).quantization;
  };
  EXPECT_EQ(spec("{weights: w.safetensors}").weights, at("experiments/w.safetensors"));
  EXPECT_EQ(spec("{weights: w.safetensors, config: q.json}").config, at("experiments/q.json"));
  EXPECT_EQ(spec("{weights: w.safetensors, definition: q.cfg}").definition.as_string(), at("experiments/q.cfg"));
  EXPECT_EQ(spec("{weights: w.safetensors}", {{"quantization.definition", "q.cfg"}}).definition.as_string(),
            at("work/q.cfg"));
  EXPECT_EQ(spec("{weights: w.safetensors, definition: {batch_num: 2}}").definition.kind(), Document::Kind::kMap);
}

TEST_F(ExperimentPaths, OfWeightsThatAreNowhereAreBothTold) {
  EXPECT_EQ(test::error_text([&] {
              write_file_atomically(root_ / "experiments/q.yaml", std::string(kSynthetic) + R"(name: e
model: {name: resnet8}
epochs: 1
batch_size: 1
optimizer: {name: sgd, lr: 0.1}
quantization: {weights: runs/none}
)");
              read_experiment("../experiments/q.yaml");
            }),
            "quantization.weights: there is neither a run directory " + at("work/runs/none") + " nor a file " +
                at("experiments/runs/none") +
                "; train the float network first, or say where it is: --set quantization.weights=PATH");
}

TEST_F(ExperimentPaths, OfProgramsBecomeAbsoluteLikewise) {
  const Experiment relative = test::tiny_experiment({{"data", "{kind: image_folder, train: a, test: b, channels: 1}"},
                                                     {"model.num_classes", "2"},
                                                     {"quantization", "{weights: runs/x}"}});
  const Experiment absolute = with_absolute_paths(relative);
  EXPECT_EQ(std::get<ImageFolderSource>(absolute.data).train, at("work/a"));
  EXPECT_EQ(absolute.quantization->weights, at("work/runs/x"));
}

TEST_F(ExperimentPaths, AreNoDifferenceWhereTheyLeadToData) {
  const auto document = [](const std::string& data) {
    return to_document(test::tiny_experiment({{"data", data}, {"model.num_classes", "10"}}));
  };
  EXPECT_TRUE(differences(document("{kind: image_folder, train: a, test: b, channels: 1}"),
                          document("{kind: image_folder, train: c, test: d, channels: 1}"))
                  .empty());
  EXPECT_FALSE(
      differences(document("{kind: cifar10, directory: a}"), document("{kind: fashion_mnist, directory: a}")).empty());
}

}  // namespace
}  // namespace octet
