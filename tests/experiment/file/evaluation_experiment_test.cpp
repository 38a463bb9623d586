// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/file/evaluation_experiment.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "octet/base/file.h"
#include "octet/experiment/file/run_directory.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::fresh_path;

/// An experiment on the images of these folders.
Experiment on_folders(const std::string& train, const std::string& test) {
  return test::tiny_experiment({{"data", "{kind: image_folder, channels: 1}"},
                                {"data.train", train},
                                {"data.test", test},
                                {"model.num_classes", "2"}});
}

/// A file in a run directory whose manifest says this experiment.
fs::path file_of_run(const Experiment& experiment) {
  const RunDirectory run{fresh_path()};
  fs::create_directories(run.root);
  write_file_atomically(run.manifest(), to_json(Document::map({{"experiment", to_document(experiment)}})));
  return run.deployed();
}

TEST(EvaluationExperiment, OpensNoPathThatAFileNamesByItself) {
  const fs::path file = fresh_path("model.onnx");
  EXPECT_EQ(error_text([&] { evaluation_experiment(on_folders("/a", "/dev/zero"), file); }),
            file.string() +
                ": its metadata names paths that are opened only if you ask for them (data.test "
                "\"/dev/zero\"): name them with --set data.test=PATH, or an experiment of yours with --data "
                "FILE.yaml");
  EXPECT_EQ(evaluation_experiment(test::tiny_experiment(), file).name, "tiny") << "made-up images have no path";
  const Experiment fashion = test::tiny_experiment({{"data", "{kind: fashion_mnist}"}});
  EXPECT_EQ(evaluation_experiment(fashion, file).name, "tiny") << "where Debian puts them is no secret";
}

TEST(EvaluationExperiment, OpensWhatAnOverrideNames) {
  const fs::path file = fresh_path("model.onnx");
  const std::vector<Override> test_set = {{"data.test", "/b"}};
  const Experiment experiment = evaluation_experiment(on_folders("/a", "/b"), file, {.overrides = test_set});
  EXPECT_EQ(std::get<ImageFolderSource>(experiment.data).test, "/b");
  const std::vector<Override> training_set = {{"data.train", "/b"}};
  EXPECT_NE(error_text([&] { evaluation_experiment(on_folders("/a", "/b"), file, {.overrides = training_set}); }),
            "no error");
}

TEST(EvaluationExperiment, OpensWhatTheManifestOfTheRunNames) {
  const fs::path file = file_of_run(on_folders("/a", "/b"));
  EXPECT_EQ(error_text([&] { evaluation_experiment(on_folders("/a", "/b"), file); }), "no error");
  EXPECT_EQ(error_text([&] { evaluation_experiment(on_folders("/a", "/b"), file.parent_path()); }), "no error");
  EXPECT_NE(error_text([&] { evaluation_experiment(on_folders("/a", "/dev/zero"), file); }), "no error");
  EXPECT_NE(error_text([&] { evaluation_experiment(on_folders("/a", "/dev/zero"), file.parent_path()); }), "no error");
}

TEST(EvaluationExperiment, AsksForFloatWeightsToo) {
  const Experiment run = test::tiny_retraining("/runs/a");
  const fs::path file = file_of_run(run);
  const EvaluationUse report{.float_weights = true};
  EXPECT_EQ(error_text([&] { evaluation_experiment(run, file, report); }), "no error");
  const Experiment other = test::tiny_retraining("/dev/zero");
  EXPECT_EQ(error_text([&] { evaluation_experiment(other, file); }), "no error") << "they are not read";
  EXPECT_NE(error_text([&] { evaluation_experiment(other, file, report); }), "no error");
}

TEST(EvaluationExperiment, KeepsTheNetwork) {
  const fs::path file = fresh_path("model.onnx");
  const std::vector<Override> overrides = {{"model.zero_init_residual", "true"}};
  EXPECT_EQ(error_text([&] { evaluation_experiment(test::tiny_experiment(), file, {.overrides = overrides}); }),
            "--set cannot change the network that was trained (model.zero_init_residual: false and true)");
}

}  // namespace
}  // namespace octet
