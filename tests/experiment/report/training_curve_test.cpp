// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/training_curve.h"

#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

TEST(TrainingCurve, ReadsStepsAndEpochs) {
  const auto log = test::fresh_path("log.jsonl");
  write_file_atomically(log,
                        "{\"event\":\"log\",\"format\":\"octet log 1\"}\n"
                        "{\"event\":\"step\",\"step\":2,\"loss\":0.5}\n"
                        "{\"event\":\"epoch\",\"step\":4,\"test_accuracy\":0.25}\n");
  const TrainingCurve curve = read_training_curve(log);
  ASSERT_EQ(curve.loss.size(), 1U);
  EXPECT_EQ(curve.loss[0].step, 2);
  EXPECT_EQ(curve.loss[0].value, 0.5);
  ASSERT_EQ(curve.test_accuracy.size(), 1U);
  EXPECT_EQ(curve.test_accuracy[0].value, 0.25);
  EXPECT_EQ(curve.steps, 4);
}

TEST(TrainingCurve, NamesTheLineThatNoRunWrote) {
  const auto log = test::fresh_path("log.jsonl");
  write_file_atomically(log, "{\"event\":\"step\",\"step\":2,\"loss\":0.5}\n{\"event\":\"step\"}\n");
  EXPECT_EQ(test::error_text([&] { read_training_curve(log); }).find(log.string() + " (line 2)"), 0U);
}

}  // namespace
}  // namespace octet
