// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet {
namespace {

using testing::ElementsAre;

const Tensor kWeight = Tensor::zeros({4, 3, 3, 3}, Layout::kRowMajor);
const std::vector<std::pair<std::string, Tensor>> kParameters = {{"conv.weight", kWeight}};

TEST(TraceRecorder, SeesEveryOpWithItsAttributes) {
  const Tensor x = Tensor::zeros({2, 3, 8, 8});
  TraceRecorder trace(std::vector{x}, kParameters);
  const Tensor y = relu(conv2d(x, kWeight, {}, {.stride = 2, .padding = {1, 0}}));
  const Graph graph = trace.finish(std::vector{y});
  EXPECT_EQ(graph.to_string(),
            "conv2d_0 = conv2d(input, conv.weight, -) [2, 4, 4, 3]\n"
            "relu_0 = relu(conv2d_0) [2, 4, 4, 3]\n");
  const std::vector<std::int64_t> stride = {2, 2}, padding = {1, 0};
  EXPECT_EQ(graph.nodes[0].attributes.at("stride"), Attribute(stride));
  EXPECT_EQ(graph.nodes[0].attributes.at("padding"), Attribute(padding));
  EXPECT_EQ(graph.nodes[0].attributes.at("groups"), Attribute(std::int64_t{1}));
  EXPECT_THAT(graph.outputs, ElementsAre(graph.nodes[1].output));
}

TEST(TraceRecorder, SeesOpsApartThatWouldFuse) {
  const Tensor x = Tensor::zeros({2, 3, 8, 8}), mean = Tensor::zeros({3}), variance = Tensor::full({3}, 1);
  const Tensor before = batch_norm(x, {}, {}, mean, variance, {});  // not read yet, and an input of what follows
  const NoGrad no_grad;
  TraceRecorder trace(std::vector{before}, {});
  const Tensor y = relu(batch_norm(relu(before), {}, {}, mean, variance, {}) + before);
  EXPECT_EQ(trace.finish(std::vector{y}).to_string(),
            "relu_0 = relu(input) [2, 3, 8, 8]\n"
            "batch_norm_0 = batch_norm(relu_0, -, -, constant_0, constant_1) [2, 3, 8, 8]\n"
            "add_0 = add(batch_norm_0, input) [2, 3, 8, 8]\n"
            "relu_1 = relu(add_0) [2, 3, 8, 8]\n");
}

TEST(TraceRecorder, NamesModulesByTheContextAndCountsTheirCalls) {
  const Tensor x = Tensor::zeros({2, 2});
  TraceRecorder trace(std::vector{x}, {});
  Tensor y = x;
  for (int call = 0; call < 2; ++call) {
    const ContextScope outer("block"), inner("0");
    trace.enter_module();
    y = relu(y);
  }
  const Graph graph = trace.finish(std::vector{y});
  ASSERT_EQ(graph.nodes.size(), 2U);
  EXPECT_EQ(graph.nodes[0].module, "block.0");
  EXPECT_EQ(graph.nodes[0].call, 0);
  EXPECT_EQ(graph.nodes[1].call, 1);
}

TEST(TraceRecorder, NumbersSeveralInputs) {
  const Tensor a = Tensor::zeros({2}), b = Tensor::zeros({2});
  TraceRecorder trace(std::vector{a, b}, {});
  EXPECT_EQ(trace.finish(std::vector{a + b}).to_string(), "add_0 = add(input0, input1) [2]\n");
}

TEST(TraceRecorder, DescribesNothingWhenNoneIsAtWork) {
  bool described = false;
  const auto describe = [&] {
    described = true;
    return Attributes{};
  };
  record("op", Tensor::scalar(1), {Tensor::scalar(2)}, describe, nullptr);
  EXPECT_FALSE(described);
  EXPECT_EQ(TraceRecorder::active(), nullptr);
}

TEST(TraceRecorder, RejectsASecondTraceAndForeignOutputs) {
  const Tensor x = Tensor::zeros({2});
  TraceRecorder trace(std::vector{x}, {});
  EXPECT_EQ(test::error_text([&] { TraceRecorder second(std::vector{x}, {}); }),
            "trace: one is already being taken in this thread");
  EXPECT_EQ(TraceRecorder::active(), &trace);
  EXPECT_EQ(test::error_text([&] { trace.finish(std::vector{Tensor::zeros({2})}); }),
            "trace: an output does not come from the inputs by ops of this library");
}

}  // namespace
}  // namespace octet
