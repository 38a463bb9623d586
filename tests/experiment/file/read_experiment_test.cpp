// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "octet/experiment/file/experiment.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

TEST(ReadExperiment, ReadsYamlWithValuesReplaced) {
  const auto path = test::fresh_path("e.yaml");
  write_file_atomically(path, test::kTinyYaml);
  const Experiment e = read_experiment(path, std::vector<Override>{{"epochs", "7"}, {"optimizer.lr", "0.5"}});
  EXPECT_EQ(e.epochs, 7);
  EXPECT_EQ(e.optimizer.lr(), 0.5);
}

TEST(ReadExperiment, ReadsTheJsonThatARunLeavesBehind) {
  const auto path = test::fresh_path("e.json");
  const Document document = to_document(test::tiny_experiment());
  write_file_atomically(path, to_json(document, 2));
  EXPECT_EQ(to_json(to_document(read_experiment(path))), to_json(document));
}

TEST(ReadExperiment, NamesTheFileOfAMistake) {
  const auto path = test::fresh_path("e.yaml");
  write_file_atomically(path, test::kTinyYaml + "epoch: 3\n");
  EXPECT_EQ(test::error_text([&] { read_experiment(path); }),
            path.string() + R"(:15:1: unknown key "epoch"; did you mean "epochs"?)");
}

TEST(ReadExperiment, NamesTheOptionOfAMistake) {
  const auto path = test::fresh_path("e.yaml");
  write_file_atomically(path, test::kTinyYaml);
  EXPECT_EQ(test::error_text([&] {
              read_experiment(path, std::vector<Override>{{"optimizer.lrr", "1"}});
            }),
            R"(--set optimizer.lrr: unknown key "lrr" in optimizer; did you mean "lr"?)");
  EXPECT_EQ(test::error_text([&] {
              read_experiment(path, std::vector<Override>{{"epochs", "many"}});
            }),
            R"(--set epochs: epochs: expected an integer, got the string "many")");
}

TEST(ReadExperiment, NamesAFileThatIsNotThere) {
  const auto path = test::fresh_path("none.yaml");
  EXPECT_EQ(test::error_text([&] { read_experiment(path); }),
            path.string() + ": cannot open: No such file or directory");
}

TEST(ReadExperiment, SaysWhatElseWasGiven) {
  const auto run = test::fresh_path("run");
  std::filesystem::create_directories(run);
  EXPECT_EQ(test::error_text([&] { read_experiment(run); }), run.string() + ": is a directory, not an experiment");
  write_file_atomically(run / "experiment.json", "{}");
  EXPECT_EQ(test::error_text([&] { read_experiment(run); }),
            run.string() + ": is a directory, not an experiment; that of the run in it is " +
                (run / "experiment.json").string());
  const std::filesystem::path image = OCTET_TEST_DATA "/images/rgb.png";
  EXPECT_EQ(test::error_text([&] { read_experiment(image); }),
            image.string() + ": this is an image, not an experiment in YAML");
}

TEST(ReadExperiment, ReadsTheExperimentsOfTheProject) {
  for (const auto& entry : std::filesystem::directory_iterator(OCTET_SOURCE_DIR "/experiments"))
    EXPECT_EQ(read_experiment(entry.path()).name, entry.path().stem());
}

}  // namespace
}  // namespace octet
