// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/run_times.h"

#include <gtest/gtest.h>

#include "octet/graph/onnx_writer.h"
#include "support/error_text.h"
#include "support/graph_builder.h"

namespace octet {
namespace {

deploy::Model relu_of(std::int64_t values) {
  test::GraphBuilder b;
  return deploy::Model::parse(write_onnx(b.finish({b.node("relu", {b.input("x", {1, values})}, {})})), "m.onnx");
}

TEST(RunTimes, SayWhichModelTakesLonger) {
  constexpr std::int64_t kMany = 1 << 22;
  const std::vector<float> input(kMany, 1.0F);
  const deploy::Model few = relu_of(64), many = relu_of(kMany);
  const double of_few = median_milliseconds(few, std::span(input).first(64), 1, 5);
  const double of_many = median_milliseconds(many, input, 1, 5);
  EXPECT_GT(of_few, 0.0);
  EXPECT_LT(10 * of_few, of_many);
  EXPECT_EQ(median_milliseconds({&many, &many}, input, 1, {.fewest = 1, .seconds = 1e-3}).size(), 2U);
}

TEST(RunTimes, NeedARound) {
  const deploy::Model model = relu_of(1);
  EXPECT_EQ(test::error_text([&] { median_milliseconds(model, std::vector<float>(1), 1, 0); }),
            "median_milliseconds: there must be at least 1 round, got 0");
}

}  // namespace
}  // namespace octet
