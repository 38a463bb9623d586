// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/error_text.h"

namespace octet {
namespace {

using detail::Progress;

TEST(Progress, AddsStepsUpToARowPerEpoch) {
  Progress at;
  at.count_step(/*loss=*/2.0, /*correct_images=*/3, /*step_images=*/8, /*lr=*/0.1, /*step_seconds=*/0.5);
  const StepReport step = at.count_step(1.0, 4, 4, 0.05, 0.25);
  EXPECT_EQ(step.step, 2);
  EXPECT_EQ(step.step_in_epoch, 2);
  EXPECT_EQ(step.epoch, 1);
  const EpochReport row = at.end_epoch(0.05, 0.7, 0.9, 0.125);
  EXPECT_EQ(row.epoch, 1);
  EXPECT_EQ(row.step, 2);
  EXPECT_DOUBLE_EQ(row.train_loss, (2.0 * 8 + 1.0 * 4) / 12);
  EXPECT_DOUBLE_EQ(row.train_accuracy, 7.0 / 12);
  EXPECT_DOUBLE_EQ(row.images_per_second, 12 / 0.75);
  EXPECT_EQ(at.epoch, 1);
  EXPECT_EQ(at.batch, 0);
  EXPECT_EQ(at.images, 0);
  EXPECT_EQ(at.count_step(1.0, 1, 1, 0.1, 0.1).epoch, 2);
}

TEST(Progress, SurvivesBeingWritten) {
  Progress at;
  at.count_step(1.0 / 3, 3, 8, 0.1, 0.7);
  at.end_epoch(0.1, 1e-9, 1.0 / 7, 3.3);
  at.count_step(0.1, 1, 8, 0.05, 0.123456789);
  at.resumed_at = {1, 2};
  at.machines = {{0, "2.6.3", "AVX2"}, {2, "3.7.2", "AVX512_CORE"}};
  at.log_bytes = 77;
  at.started = "2026-01-02T03:04:05Z";
  const std::string written = to_json(to_document(at));
  EXPECT_EQ(to_json(to_document(detail::parse_progress(parse_json(written, "p")))), written);
}

TEST(Progress, RefusesWhatItDoesNotKnow) {
  const auto error = [](const std::string& json) {
    return test::error_text([&] { detail::parse_progress(parse_json(json, "p")); });
  };
  EXPECT_EQ(error("{}"), R"(p:1:1: missing key "step" in progress)");
  EXPECT_EQ(error(R"({"step": -1})"), "p:1:10: progress.step: has to be at least 0 but is -1");
  std::string written = to_json(to_document(Progress{.epoch = 2}));
  EXPECT_THAT(error(written), testing::EndsWith("progress.ended: is not of the epochs that are done"));
  written = to_json(to_document(Progress()));
  EXPECT_THAT(error(written), testing::EndsWith("progress.machines: is empty"));
}

TEST(Progress, SurvivesNumbersThatAreNone) {
  Progress at;
  at.machines = {{0, "2.6.3", "AVX2"}};
  at.count_step(std::numeric_limits<double>::quiet_NaN(), 0, 8, 0.1, 0.7);
  at.end_epoch(std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 0.5, 3.3);
  const std::string written = to_json(to_document(at));
  EXPECT_EQ(to_json(to_document(detail::parse_progress(parse_json(written, "p")))), written);
}

TEST(Progress, DoesNotGrowWithItsEpochs) {
  const auto size_after = [](int epochs) {
    Progress at;
    for (int i = 0; i < epochs; ++i) {
      at.count_step(0.5, 4, 8, 0.25, 0.5);
      at.end_epoch(0.25, 0.5, 0.5, 0.5);
    }
    return to_json(to_document(at)).size();
  };
  EXPECT_LT(size_after(1000), size_after(10) + 20);
}

}  // namespace
}  // namespace octet
