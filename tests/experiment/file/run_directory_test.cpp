// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/file/run_directory.h"

#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::error_text;
using test::fresh_path;

Experiment experiment_in(const std::filesystem::path& parent) {
  Experiment e = test::tiny_experiment({{"seed", "5"}});
  e.run_dir = (parent / "{name}-s{seed}").string();
  return e;
}

TEST(RunDirectory, IsNamedByTheExperimentAndNumbered) {
  const auto parent = fresh_path("runs");
  const Experiment e = experiment_in(parent);
  EXPECT_EQ(create_run_directory(e, "").root, parent / "tiny-s5");
  EXPECT_EQ(create_run_directory(e, "").root, parent / "tiny-s5-2");
  EXPECT_EQ(create_run_directory(e, "").root, parent / "tiny-s5-3");
  EXPECT_TRUE(std::filesystem::is_directory(parent / "tiny-s5-3"));
}

TEST(RunDirectory, MayBeChosen) {
  const auto chosen = fresh_path("my/own/run");
  EXPECT_EQ(create_run_directory(experiment_in("unused"), chosen).root, chosen);
  EXPECT_EQ(create_run_directory(experiment_in("unused"), chosen).root, chosen) << "it is empty still";
}

TEST(RunDirectory, CannotBeMadeBelowAFile) {
  const auto file = fresh_path("file");
  write_file_atomically(file, "");
  EXPECT_EQ(error_text([&] { create_run_directory(experiment_in("unused"), file / "run"); }),
            (file / "run").string() + ": cannot make the directory: Not a directory");
}

TEST(RunDirectory, ResumesTheLastOne) {
  const Experiment e = experiment_in(fresh_path("runs"));
  create_run_directory(e, "");
  const RunDirectory last = create_run_directory(e, "");
  write_file_atomically(last.checkpoint(), "");
  EXPECT_EQ(find_run_directory(e, "").root, last.root);
}

TEST(RunDirectory, MustBeThereToResume) {
  const auto parent = fresh_path("runs");
  EXPECT_EQ(error_text([&] { find_run_directory(experiment_in(parent), ""); }),
            (parent / "tiny-s5").string() + ": there is no run to resume");
}

TEST(RunDirectory, WithoutARunCannotBeResumed) {
  const auto chosen = fresh_path("run");
  const RunDirectory directory = create_run_directory(experiment_in("unused"), chosen);
  EXPECT_EQ(error_text([&] { find_run_directory(experiment_in("unused"), chosen); }),
            chosen.string() + ": there is no run to resume");
  write_file_atomically(directory.manifest(), "{}");
  EXPECT_EQ(find_run_directory(experiment_in("unused"), chosen).root, chosen);
  EXPECT_EQ(create_run_directory(experiment_in("unused"), chosen).root, chosen) << "there is no checkpoint yet";
}

TEST(RunDirectory, ResumesTheLastOneThatHasARun) {
  const Experiment e = experiment_in(fresh_path("runs"));
  const RunDirectory first = create_run_directory(e, "");
  write_file_atomically(first.manifest(), "{}");
  create_run_directory(e, "");
  EXPECT_EQ(find_run_directory(e, "").root, first.root);
}

}  // namespace
}  // namespace octet
