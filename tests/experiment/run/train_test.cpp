// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/compat/quant_record.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/checkpoint.h"
#include "octet/kernels/core/parallel.h"
#include "support/error_text.h"
#include "support/file_size_limit.h"
#include "support/run_recorder.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using test::error_text;
using test::fresh_path;
using test::RunRecorder;
using test::tiny_experiment;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;

constexpr std::int64_t kSteps = 12;  // of the tiny experiment: three epochs of four

RunResult train_in(const std::filesystem::path& directory, const std::vector<Override>& overrides = {},
                   bool resume = false) {
  Observer quiet;
  return train(tiny_experiment(overrides), quiet, {.run_directory = directory, .resume = resume});
}

/// Stops after step `step` of the run, as Ctrl-C would.
RunResult train_until(std::int64_t step, const std::filesystem::path& directory,
                      const std::vector<Override>& overrides = {}, bool resume = false) {
  std::atomic<bool> stop = false;
  RunRecorder recorder;
  recorder.on_step = [&](const StepReport& report) { stop = report.step >= step; };
  return train(tiny_experiment(overrides), recorder, {.run_directory = directory, .resume = resume, .stop = &stop});
}

Document manifest_in(const std::filesystem::path& directory) {
  return parse_json(read_file(RunDirectory{directory}.manifest(), 1 << 20), "manifest");
}

TEST(Train, LearnsAndReportsEveryStepAndEpoch) {
  RunRecorder recorder;
  const auto directory = fresh_path();
  const RunResult result = train(tiny_experiment(), recorder, {.run_directory = directory});

  ASSERT_EQ(recorder.starts.size(), 1U);
  const RunStart& start = recorder.starts[0];
  EXPECT_EQ(start.directory, directory);
  EXPECT_EQ(start.model, "resnet8");
  EXPECT_EQ(start.train_samples, 28);
  EXPECT_EQ(start.test_samples, 12);
  EXPECT_EQ(start.epochs, 3);
  EXPECT_EQ(start.steps_per_epoch, 4);
  EXPECT_EQ(start.total_steps, kSteps);
  EXPECT_EQ(start.first_step, 0);

  ASSERT_EQ(recorder.steps.size(), static_cast<std::size_t>(kSteps));
  EXPECT_EQ(recorder.steps[0].images, 8);
  EXPECT_EQ(recorder.steps[3].images, 4);
  EXPECT_EQ(recorder.steps[5].step, 6);
  EXPECT_EQ(recorder.steps[5].epoch, 2);
  EXPECT_EQ(recorder.steps[5].step_in_epoch, 2);
  EXPECT_EQ(recorder.evaluations.size(), 3U);
  EXPECT_THAT(recorder.epochs, ElementsAre(Field(&EpochReport::step, 4), Field(&EpochReport::step, 8),
                                           Field(&EpochReport::step, kSteps)));
  EXPECT_LT(recorder.epochs[2].train_loss, recorder.epochs[0].train_loss);

  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.steps, kSteps);
  EXPECT_EQ(result.epochs.size(), 3U);
}

TEST(Train, UsesTheScheduleStepByStep) {
  RunRecorder recorder;
  train(tiny_experiment(), recorder, {.run_directory = fresh_path()});
  // Warm-up over the first epoch from a third of 0.05, then half a cosine over the other eight steps.
  EXPECT_DOUBLE_EQ(recorder.steps[0].lr, 0.05 / 3);
  EXPECT_DOUBLE_EQ(recorder.steps[4].lr, 0.05);
  EXPECT_DOUBLE_EQ(recorder.steps[8].lr, 0.025);
  EXPECT_LT(recorder.steps[11].lr, 0.005);
}

TEST(Train, SameBitsForAnyNumberOfThreadsAndWorkers) {
  const int before = kernels::num_threads();
  const std::string expected = train_in(fresh_path("base")).weights_sha256;
  for (int threads : {1, 2, 3, 8}) {
    kernels::set_num_threads(threads);
    EXPECT_EQ(train_in(fresh_path("threads"), {{"workers", std::to_string(threads - 1)}}).weights_sha256, expected)
        << threads << " threads";
  }
  kernels::set_num_threads(before);
}

TEST(Train, AnotherSeedGivesOtherWeights) {
  EXPECT_NE(train_in(fresh_path("a")).weights_sha256, train_in(fresh_path("b"), {{"seed", "2"}}).weights_sha256);
}

class ResumedRun : public testing::TestWithParam<std::int64_t> {};

TEST_P(ResumedRun, HasTheBitsOfAStraightOne) {
  const std::vector<Override> overrides = {
      {"optimizer", GetParam() % 2 ? "{name: sgd, lr: 0.05, momentum: 0.9}" : "{name: adamw, lr: 0.01}"},
      {"grad_clip", "1.0"},
      {"label_smoothing", "0.1"}};
  const RunResult straight = train_in(fresh_path("straight"), overrides);

  const auto directory = fresh_path("stopped");
  const RunResult stopped = train_until(GetParam(), directory, overrides);
  EXPECT_FALSE(stopped.complete);
  EXPECT_EQ(stopped.steps, GetParam());
  EXPECT_EQ(manifest_in(directory).at("status").as_string(), "stopped");
  EXPECT_FALSE(std::filesystem::exists(RunDirectory{directory}.weights()));

  const RunResult resumed = train_in(directory, overrides, /*resume=*/true);
  EXPECT_TRUE(resumed.complete);
  EXPECT_EQ(resumed.weights_sha256, straight.weights_sha256);
  ASSERT_EQ(resumed.epochs.size(), straight.epochs.size());
  for (std::size_t i = 0; i < straight.epochs.size(); ++i) {
    EXPECT_EQ(resumed.epochs[i].train_loss, straight.epochs[i].train_loss);
    EXPECT_EQ(resumed.epochs[i].train_accuracy, straight.epochs[i].train_accuracy);
    EXPECT_EQ(resumed.epochs[i].test_loss, straight.epochs[i].test_loss);
    EXPECT_EQ(resumed.epochs[i].lr, straight.epochs[i].lr);
  }
  EXPECT_EQ(to_json(manifest_in(directory).at("resumed_at_steps")), text("[", GetParam(), "]"));
}

// In the middle of an epoch, at its end (before it is tested), and after the last step.
INSTANTIATE_TEST_SUITE_P(Train, ResumedRun, testing::Values(1, 3, 4, 5, 8, 11, 12), testing::PrintToStringParamName());

TEST(Train, MayBeStoppedAgainAndAgain) {
  const std::string expected = train_in(fresh_path("straight")).weights_sha256;
  const auto directory = fresh_path("stopped");
  train_until(2, directory);
  for (std::int64_t step = 3; step <= kSteps; ++step) train_until(step, directory, {}, /*resume=*/true);
  EXPECT_EQ(train_in(directory, {}, /*resume=*/true).weights_sha256, expected);
}

TEST(Train, StopsBetweenTheBatchesOfATest) {
  const std::vector<Override> overrides = {{"eval_batch_size", "4"}};
  const std::string expected = train_in(fresh_path("straight"), overrides).weights_sha256;
  const auto directory = fresh_path("stopped");
  std::atomic<bool> stop = false;
  RunRecorder recorder;
  recorder.on_evaluation = [&](const EvaluationReport&) { stop = true; };
  const RunResult result = train(tiny_experiment(overrides), recorder, {.run_directory = directory, .stop = &stop});
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(recorder.evaluations.size(), 1U);
  EXPECT_TRUE(recorder.epochs.empty());
  EXPECT_EQ(train_in(directory, overrides, /*resume=*/true).weights_sha256, expected);
}

TEST(Train, GoesOnFromTheLastCheckpointAfterACrash) {
  const auto straight = fresh_path("straight"), directory = fresh_path("crashed");
  const std::string expected = train_in(straight).weights_sha256;
  RunRecorder recorder;
  recorder.on_step = [](const StepReport& step) {
    if (step.step == 7) throw std::runtime_error("crash");
  };
  EXPECT_THROW(train(tiny_experiment(), recorder, {.run_directory = directory}), std::runtime_error);
  EXPECT_EQ(manifest_in(directory).at("status").as_string(), "failed");
  EXPECT_EQ(manifest_in(directory).at("error").as_string(), "crash");
  const std::string started = manifest_in(directory).at("started").as_string();
  EXPECT_EQ(train_in(directory, {}, /*resume=*/true).weights_sha256, expected);
  EXPECT_EQ(manifest_in(directory).at("started").as_string(), started);
  EXPECT_EQ(manifest_in(directory).find("error"), nullptr);

  // What the crashed run logged after its checkpoint is not there twice.
  const auto lines = [](const std::filesystem::path& run) {
    const std::string log = read_file(RunDirectory{run}.log(), 1 << 20);
    return std::count(log.begin(), log.end(), '\n');
  };
  EXPECT_EQ(lines(directory), lines(straight));
}

TEST(Train, KeepsTheOldCheckpointWhenTheDiskIsFull) {
  const std::string expected = train_in(fresh_path("straight")).weights_sha256;
  const auto directory = fresh_path("full");
  std::optional<test::FileSizeLimit> limit;
  RunRecorder recorder;
  recorder.on_epoch = [&](const EpochReport& epoch) {
    if (epoch.epoch == 2) limit.emplace(100'000);
  };
  const std::string error = error_text([&] { train(tiny_experiment(), recorder, {.run_directory = directory}); });
  limit.reset();
  EXPECT_EQ(error, RunDirectory{directory}.unfinished_checkpoint().string() + ": cannot write: File too large");
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  EXPECT_EQ(train_in(directory, {}, /*resume=*/true).weights_sha256, expected);
}

TEST(Train, MaxStepsEndARunWithinAnEpoch) {
  RunRecorder recorder;
  const RunResult result = train(tiny_experiment({{"max_steps", "6"}}), recorder, {.run_directory = fresh_path()});
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(recorder.starts[0].epochs, 2);
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(recorder.steps.size(), 6U);
  EXPECT_EQ(result.epochs.size(), 2U);
  EXPECT_LT(recorder.steps[5].lr, 0.05);
}

TEST(Train, RefusesToResumeAnotherExperiment) {
  const auto directory = fresh_path();
  train_until(5, directory);
  EXPECT_EQ(error_text([&] {
              train_in(directory, {{"optimizer.lr", "0.1"}, {"epochs", "4"}}, /*resume=*/true);
            }),
            RunDirectory{directory}.checkpoint().string() +
                ": a run goes on only with the experiment that it started with; then and now: epochs: 3 and 4; "
                "optimizer.lr: 0.05 and 0.1");
}

TEST(Train, ResumesWithOtherWorkersAndIntervals) {
  const auto directory = fresh_path();
  train_until(5, directory);
  EXPECT_TRUE(train_in(directory, {{"workers", "0"}, {"log_every", "1"}}, /*resume=*/true).complete);
}

TEST(Train, RefusesToResumeACompleteRun) {
  const auto directory = fresh_path();
  train_in(directory);
  EXPECT_EQ(error_text([&] { train_in(directory, {}, /*resume=*/true); }),
            directory.string() + ": the run is complete; there is nothing to resume");
}

TEST(Train, RefusesADamagedCheckpoint) {
  const auto directory = fresh_path();
  train_until(2, directory);  // the first one, so that there is none before
  const auto path = RunDirectory{directory}.checkpoint();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(error_text([&] { train_in(directory, {}, /*resume=*/true); }), testing::StartsWith(path.string()));
}

TEST(Train, GoesOnFromTheCheckpointBeforeADamagedOne) {
  const RunResult straight = train_in(fresh_path("straight"));
  const auto directory = fresh_path("damaged");
  train_until(5, directory);
  train_until(7, directory, {}, /*resume=*/true);
  const auto path = RunDirectory{directory}.checkpoint();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  RunRecorder recorder;
  const RunResult resumed = train(tiny_experiment(), recorder, {.run_directory = directory, .resume = true});
  EXPECT_EQ(resumed.weights_sha256, straight.weights_sha256);
  EXPECT_EQ(recorder.starts[0].first_step, 5);
  ASSERT_EQ(recorder.starts[0].warnings.size(), 1U);
  EXPECT_THAT(recorder.starts[0].warnings[0],
              AllOf(testing::StartsWith(path.string()),
                    testing::EndsWith("; the run goes on from the checkpoint before, checkpoint.previous.safetensors, "
                                      "of step 5")));
}

TEST(Train, GoesOnWithALogThatLostLinesAndSaysSo) {
  const std::string expected = train_in(fresh_path("straight")).weights_sha256;
  const auto directory = fresh_path("lost");
  train_until(9, directory);
  std::filesystem::resize_file(RunDirectory{directory}.log(), 20);
  RunRecorder recorder;
  const RunResult result = train(tiny_experiment(), recorder, {.run_directory = directory, .resume = true});
  EXPECT_EQ(result.weights_sha256, expected);
  EXPECT_EQ(result.epochs.size(), 1U) << "the rows of the others were in the log";
  EXPECT_THAT(recorder.starts[0].warnings,
              ElementsAre(testing::StartsWith(RunDirectory{directory}.log().string() + ": has lost its end: 0 bytes")));
}

TEST(Train, SavesAnEpochBeforeItIsEvaluated) {
  for (const char* const every : {"1", "2"}) {
    const std::vector<Override> overrides = {{"checkpoint_every", every}};
    const RunResult straight = train_in(fresh_path("straight"), overrides);
    const auto directory = fresh_path("failed");
    RunRecorder recorder;
    recorder.on_evaluation = [](const EvaluationReport&) { throw Error("a damaged image"); };
    EXPECT_THAT(error_text([&] { train(tiny_experiment(overrides), recorder, {.run_directory = directory}); }),
                testing::StartsWith("the test of epoch 1: a damaged image; the epoch's training is saved"));
    EXPECT_EQ(manifest_in(directory).at("status").as_string(), "failed");

    RunRecorder again;
    const RunResult resumed = train(tiny_experiment(overrides), again, {.run_directory = directory, .resume = true});
    EXPECT_EQ(again.starts[0].first_step, 4);
    EXPECT_EQ(again.steps.front().step, 5) << "no step of the epoch is trained again";
    EXPECT_EQ(resumed.weights_sha256, straight.weights_sha256);
    ASSERT_EQ(resumed.epochs.size(), 3U);
    EXPECT_EQ(resumed.epochs[0].test_loss, straight.epochs[0].test_loss);
    EXPECT_EQ(resumed.epochs[0].train_loss, straight.epochs[0].train_loss);
  }
}

TEST(Train, KeepsTheGoodCheckpointWhenATestIsNotFinite) {
  // The learning rate of the second epoch leaves weights whose results are not finite.
  const std::vector<Override> overrides = {{"schedule", "{name: step, milestones: [1], gamma: 1.0e+30}"},
                                           {"batch_size", "28"}};
  const auto directory = fresh_path();
  const std::string not_finite = "not finite";
  EXPECT_THAT(error_text([&] { train_in(directory, overrides); }), testing::HasSubstr(not_finite));
  EXPECT_EQ(manifest_in(directory).at("status").as_string(), "failed");
  const RunDirectory files{directory};
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(error_text([&] { train_in(directory, overrides, /*resume=*/true); }), testing::HasSubstr(not_finite));
    const auto good =
        std::filesystem::exists(files.previous_checkpoint()) ? files.previous_checkpoint() : files.checkpoint();
    EXPECT_EQ(detail::read_checkpoint(good).header.progress.step, 1);
  }
}

TEST(Train, RefusesADirectoryThatIsInUse) {
  const auto directory = fresh_path();
  RunRecorder recorder;
  std::string start, resume;
  recorder.on_step = [&](const StepReport& step) {
    if (step.step != 6) return;
    start = error_text([&] { train_in(directory); });
    resume = error_text([&] { train_in(directory, {}, /*resume=*/true); });
  };
  const RunResult result = train(tiny_experiment(), recorder, {.run_directory = directory});
  EXPECT_TRUE(result.complete);
  for (const std::string& error : {start, resume})
    EXPECT_THAT(error, testing::StartsWith(directory.string() + ": the directory is in use by another run: process "));
  EXPECT_EQ(error_text([&] { train_in(directory); }),
            directory.string() + ": holds a run already; resume it, or choose another directory");

  const auto fresh = fresh_path("fresh");
  recorder.on_step = [&](const StepReport& step) {
    if (step.step == 1) start = error_text([&] { train_in(fresh, {{"seed", "2"}}); });
  };
  EXPECT_EQ(train(tiny_experiment(), recorder, {.run_directory = fresh}).weights_sha256, result.weights_sha256);
  EXPECT_THAT(start, testing::StartsWith(fresh.string() + ": the directory is in use by another run: process "));
}

TEST(Train, StartsAgainWhereARunEndedBeforeItsFirstCheckpoint) {
  const std::string expected = train_in(fresh_path("straight")).weights_sha256;
  for (const bool resume : {false, true}) {
    const auto directory = fresh_path("killed");
    RunRecorder recorder;
    recorder.on_step = [](const StepReport& step) {
      if (step.step == 3) throw std::runtime_error("killed");
    };
    EXPECT_THROW(train(tiny_experiment(), recorder, {.run_directory = directory}), std::runtime_error);
    EXPECT_FALSE(std::filesystem::exists(RunDirectory{directory}.checkpoint()));
    EXPECT_THAT(error_text([&] { train_in(directory, {{"seed", "2"}}, resume); }), testing::HasSubstr("seed: 1 and 2"));
    EXPECT_EQ(train_in(directory, {}, resume).weights_sha256, expected) << resume;
  }
}

TEST(Train, EndsWhenTheLossIsNotFinite) {
  const auto directory = fresh_path();
  EXPECT_THAT(error_text([&] {
                train_in(directory, {{"optimizer.lr", "1.0e30"}, {"schedule", "{name: constant}"}});
              }),
              testing::MatchesRegex("train: the loss became (nan|infinite) in step [0-9]+ \\(epoch 1, lr 1e\\+30\\); a "
                                    "smaller optimizer.lr, a longer warm-up or grad_clip may help"));
}

TEST(Train, RefusesImagesOfAnotherSizeThanTheCrop) {
  EXPECT_THAT(error_text([&] {
                train_in(fresh_path(), {{"train_transforms", "[{name: random_crop, size: 9}]"}});
              }),
              testing::HasSubstr("9"));
}

// ---- with quantization ---------------------------------------------------------------------------------------------

class Retrain : public testing::Test {
 protected:
  Retrain() : float_run_(fresh_path("float")) { train_in(float_run_, {{"max_steps", "4"}}); }

  RunResult run(const std::filesystem::path& directory, const std::vector<Override>& overrides = {},
                bool resume = false) const {
    Observer quiet;
    return train(test::tiny_retraining(float_run_, overrides), quiet, {.run_directory = directory, .resume = resume});
  }
  RunResult run_until(std::int64_t step, const std::filesystem::path& directory,
                      const std::vector<Override>& overrides = {}) const {
    std::atomic<bool> stop = false;
    RunRecorder recorder;
    recorder.on_step = [&](const StepReport& report) { stop = report.step >= step; };
    return train(test::tiny_retraining(float_run_, overrides), recorder, {.run_directory = directory, .stop = &stop});
  }

  const std::filesystem::path float_run_;
};

TEST_F(Retrain, SaysWhereValuesStopBeingFiniteAndKeepsTheGoodCheckpoint) {
  const std::vector<Override> overrides = {{"schedule", "{name: step, milestones: [1], gamma: 1.0e+30}"}};
  const auto in_training = fresh_path("training");
  EXPECT_THAT(error_text([&] { run(in_training, overrides); }),
              testing::MatchesRegex("train: step [678] \\(epoch 2, lr 1e\\+28\\): .* finite.*"));
  EXPECT_EQ(manifest_in(in_training).at("status").as_string(), "failed");
  EXPECT_EQ(detail::read_checkpoint(RunDirectory{in_training}.checkpoint()).header.progress.step, 4);

  // One step an epoch: the test is the first to see what became of the weights.
  std::vector<Override> one_step = overrides;
  one_step.push_back({"batch_size", "28"});
  const auto in_test = fresh_path("test");
  EXPECT_THAT(
      error_text([&] { run(in_test, one_step); }),
      testing::MatchesRegex("the test of epoch 2: batch 1 of 1: .* finite.*; the epoch's training is saved: .*"));
  EXPECT_EQ(manifest_in(in_test).at("status").as_string(), "failed");
  EXPECT_EQ(detail::read_checkpoint(RunDirectory{in_test}.previous_checkpoint()).header.progress.step, 1);
  EXPECT_EQ(detail::read_checkpoint(RunDirectory{in_test}.checkpoint()).header.progress.step, 2);
}

TEST_F(Retrain, LeavesConfigurationAndRecord) {
  const RunDirectory directory{fresh_path()};
  const RunResult result = run(directory.root);
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.steps, 8);
  const Document config = parse_json(read_file(directory.quant_config(), 1 << 20), "config");
  EXPECT_TRUE(config.at("conv1").at("retrain_enable").as_bool());
  EXPECT_TRUE(config.at("fc").at("retrain_enable").as_bool());
  std::vector<std::string> layers;
  for (const Document::Member& member : config.members())
    if (member.value.kind() == Document::Kind::kMap) layers.push_back(member.key);
  const QuantRecord record = read_record_file(directory.record(), layers);
  EXPECT_EQ(record.layers.size(), layers.size());
}

TEST_F(Retrain, HasTheBitsOfAStraightRunWhereverItStops) {
  for (const char* const definition :
       {"{batch_num: 1}", "{batch_num: 3, retrain_weight_quant_config: {ulq_retrain: {}}}"}) {
    const std::vector<Override> overrides = {{"quantization.definition", definition}};
    const RunResult straight = run(fresh_path("straight"), overrides);
    for (const std::int64_t step : {1, 2, 3, 4, 7, 8}) {
      const auto directory = fresh_path("stopped");
      EXPECT_FALSE(run_until(step, directory, overrides).complete);
      const RunResult resumed = run(directory, overrides, /*resume=*/true);
      EXPECT_EQ(resumed.weights_sha256, straight.weights_sha256) << definition << ", stopped after step " << step;
      EXPECT_EQ(resumed.epochs.back().test_loss, straight.epochs.back().test_loss);
    }
  }
}

TEST_F(Retrain, LooksForItsFirstClipsBeforeItStops) {
  const std::vector<Override> overrides = {{"quantization.definition", "{batch_num: 3}"}};
  EXPECT_EQ(run_until(1, fresh_path("searching"), overrides).steps, 3);
  EXPECT_EQ(run_until(4, fresh_path("found"), overrides).steps, 4);
  const auto none = fresh_path("none");
  EXPECT_EQ(error_text([&] {
              run(none, {{"quantization.definition", "{batch_num: 5}"}});
            }),
            "train: the first clips are to be found in batch_num = 5 steps, but the first epoch has 4");
  EXPECT_FALSE(std::filesystem::exists(none));
}

TEST_F(Retrain, GoesOnWithoutTheFilesThatItBeganWith) {
  const auto config = fresh_path("quant.yaml");
  write_file_atomically(config, "skip_layers: [fc]\n");
  const std::vector<Override> overrides = {{"quantization.definition", config.string()}};
  const std::string expected = run(fresh_path("straight"), overrides).weights_sha256;
  const auto directory = fresh_path("stopped");
  run_until(2, directory, overrides);
  write_file_atomically(config, "batch_num: 2\n");
  std::filesystem::remove_all(float_run_);
  EXPECT_EQ(run(directory, overrides, /*resume=*/true).weights_sha256, expected);
}

TEST_F(Retrain, KnowsTheFloatNetworkThatItBeganWith) {
  const auto directory = fresh_path("stopped"), moved = fresh_path("moved");
  run_until(2, directory);
  EXPECT_EQ(manifest_in(directory).at("quantization").at("float_weights_sha256").as_string(),
            manifest_in(float_run_).at("result").at("weights_sha256").as_string());
  std::filesystem::rename(float_run_, moved);
  train_in(float_run_, {{"max_steps", "4"}, {"seed", "2"}});
  EXPECT_THAT(error_text([&] { run(directory, {}, /*resume=*/true); }),
              testing::StartsWith(float_run_.string() +
                                  ": is another float network than the one that retraining began with (weights "));
  std::filesystem::remove_all(float_run_);
  EXPECT_TRUE(run(directory, {}, /*resume=*/true).complete) << "it is not needed any more";
}

TEST_F(Retrain, SameBitsForAnyNumberOfThreads) {
  const int before = kernels::num_threads();
  const std::string expected = run(fresh_path("base")).weights_sha256;
  for (const int threads : {1, 3}) {
    kernels::set_num_threads(threads);
    EXPECT_EQ(run(fresh_path("threads")).weights_sha256, expected) << threads << " threads";
  }
  kernels::set_num_threads(before);
}

}  // namespace
}  // namespace octet
