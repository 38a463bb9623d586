// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "octet/deploy/plan.h"
#include "octet/deploy/program.h"
#include "octet/graph/infer_shapes.h"
#include "support/graph_builder.h"
#include "support/random_graph.h"

namespace octet::deploy {
namespace {

using test::GraphBuilder;
using List = std::vector<std::int64_t>;

// Networks as quantizers write them, one call per node.
class Quantized {
 public:
  Quantized() : x_(b_.input("x", {1, 4, 6, 6})) {}
  int x() const { return x_; }
  int on_grid(int v, float scale) {
    const int s = b_.scalar(scale), z = b_.scalar(std::uint8_t{0});
    return b_.node("dequantize", {b_.node("quantize", {v, s, z}, {}), s, z}, {});
  }
  int conv(int v) {
    const int w = b_.constant({4, 4, 3, 3}, std::vector<std::int8_t>(144, 1));
    const int weight =
        b_.node("dequantize", {w, b_.scalar(0.01F), b_.scalar(std::int8_t{0})}, {{"axis", std::int64_t{0}}});
    return b_.node("conv2d", {v, weight}, {{"padding", List{1, 1}}});
  }
  int node(const std::string& op, std::vector<int> inputs, Attributes attributes = {}) {
    return b_.node(op, std::move(inputs), std::move(attributes));
  }

  std::vector<std::string> fused(int output) {
    Graph graph = b_.finish({output});
    const Shape shape{1, 4, 6, 6};
    infer_shapes(graph, {&shape, 1});
    Program program = lower(graph);
    fuse(program);
    std::vector<std::string> operations;
    for (const Step& step : program.steps) operations.push_back(step.operation);
    return operations;
  }

 private:
  GraphBuilder b_;
  int x_;
};

using Operations = std::vector<std::string>;

TEST(Fuse, TakesReluAndQuantizeIntoTheLayer) {
  Quantized n;
  const int y = n.node("relu", {n.conv(n.on_grid(n.x(), 0.1F))});
  EXPECT_EQ(n.fused(n.conv(n.on_grid(y, 0.2F))), (Operations{"quantize", "conv2d + relu + quantize", "conv2d"}));
}

TEST(Fuse, TakesAResidualBlockOfQuantizedTensors) {
  Quantized n;
  const int x = n.on_grid(n.x(), 0.1F);
  const int y = n.on_grid(n.conv(x), 0.2F);
  const int sum = n.node("relu", {n.node("add", {y, x})});
  EXPECT_EQ(n.fused(n.conv(n.on_grid(sum, 0.3F))),
            (Operations{"quantize", "conv2d + quantize + add + relu + quantize", "conv2d"}));
}

TEST(Fuse, KeepsTheFloatResultThatAShortcutReads) {
  Quantized n;
  const int a = n.node("relu", {n.conv(n.on_grid(n.x(), 0.1F))});
  const int b = n.conv(n.on_grid(a, 0.2F));
  EXPECT_EQ(n.fused(n.node("add", {b, a})), (Operations{"quantize", "conv2d + relu + quantize", "conv2d + add"}));
}

TEST(Fuse, LeavesAReluBeforeAnAdditionAlone) {
  Quantized n;
  const int x = n.on_grid(n.x(), 0.1F);
  const int y = n.node("relu", {n.conv(x)});
  EXPECT_EQ(n.fused(n.node("add", {y, x})), (Operations{"quantize", "conv2d + relu", "dequantize", "add"}));
}

TEST(Fuse, LetsTheLaterOfTwoLayersAdd) {
  Quantized n;
  const int x = n.on_grid(n.x(), 0.1F);
  const int a = n.conv(x), b = n.conv(x);
  EXPECT_EQ(n.fused(n.node("add", {a, b})), (Operations{"quantize", "conv2d", "conv2d + add"}));
}

TEST(Fuse, QuantizesBeforePoolingWhereAllReadersDo) {
  Quantized n;
  const int y = n.node("relu", {n.conv(n.on_grid(n.x(), 0.1F))});
  EXPECT_EQ(
      n.fused(n.conv(n.on_grid(n.node("max_pool2d", {y}, {{"kernel_size", std::vector<std::int64_t>{1, 1}}}), 0.2F))),
      (Operations{"quantize", "conv2d + relu + quantize", "max_pool2d", "conv2d"}));
}

TEST(ArenaLayout, NeverPutsTwoLivingTensorsInOnePlace) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Program program = lower(test::random_graph(seed, 2));
    fuse(program);
    const ArenaLayout layout = lay_out(program);
    // Replays who wrote each byte last: a step must find what its inputs' producers wrote.
    std::vector<int> owner(static_cast<std::size_t>(layout.bytes), -1);
    const auto storage = [&](int t) { return program.tensors[static_cast<std::size_t>(t)].storage; };
    const auto range = [&](int t) {
      const auto begin = owner.begin() + layout.offsets[static_cast<std::size_t>(t)];
      return std::pair(begin, begin + program.tensors[static_cast<std::size_t>(t)].bytes());
    };
    const auto is_whole = [&](int t) {
      const auto [begin, end] = range(t);
      return std::all_of(begin, end, [&](int o) { return o == storage(t); });
    };
    for (const Step& step : program.steps) {
      for (const int result : {step.output, step.quantized_output}) {
        if (result < 0) continue;
        const auto [begin, end] = range(result);
        std::fill(begin, end, storage(result));
      }
      for (const Operand& operand : step.inputs) EXPECT_TRUE(is_whole(operand.tensor)) << seed << ' ' << step.name;
    }
    EXPECT_TRUE(is_whole(program.output)) << seed;
  }
}

}  // namespace
}  // namespace octet::deploy
