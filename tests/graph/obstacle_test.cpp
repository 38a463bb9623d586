// SPDX-License-Identifier: Apache-2.0
// Writer, reader and shapes: each notes all that it refuses, and steps over what was refused before.
#include "octet/graph/obstacle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/graph/onnx_writer.h"
#include "support/error_text.h"
#include "support/graph_builder.h"

namespace octet {
namespace {

using test::error_text;
using test::GraphBuilder;
using testing::ElementsAre;

std::vector<std::string> lines(const Obstacles& found) {
  std::vector<std::string> texts;
  for (const Obstacle& obstacle : found) texts.push_back(to_text(obstacle));
  return texts;
}

// silu and an adaptive pool that no operator of ONNX is, a round that the reader does not know, between ops that pass.
Graph network() {
  GraphBuilder b;
  const int x = b.input("x", {-1, 3, 8, 8});
  const int silu = b.node("silu", {b.node("relu", {x}, {})}, {});
  const int pool = b.node("adaptive_avg_pool2d", {silu}, {{"output_size", std::vector<std::int64_t>{2, 3}}});
  return b.finish({b.node("relu", {b.node("round", {pool}, {})}, {})});
}

TEST(Obstacle, SaysWhereAndWhy) {
  EXPECT_EQ(to_text({.node = "silu_0", .op = "silu", .why = "no", .module = "act.1"}), "act.1 (silu): no");
  EXPECT_EQ(to_text({.node = "silu_0", .op = "silu", .why = "no"}), "silu_0 (silu): no");
  EXPECT_EQ(to_text({.node = "", .op = "", .why = "no", .module = "aux"}), "aux: no");
  EXPECT_EQ(to_text({.node = "", .op = "", .why = "no"}), "no");
}

TEST(Obstacle, NotesAnErrorWithoutThePlaceThatItBeginsWith) {
  const ContextScope scope("model");
  Obstacles found;
  EXPECT_FALSE(passes(&found, "node", {.node = "n", .op = "op", .why = {}}, [] { fail("a rule"); }));
  EXPECT_TRUE(passes(&found, "node", {.node = "m", .op = "op", .why = {}}, [] {}));
  EXPECT_EQ(lines(found), (std::vector<std::string>{"n (op): a rule"}));
  EXPECT_EQ(error_text([] { passes(nullptr, "node", {}, [] { fail("a rule"); }); }), "model.node: a rule");
}

TEST(Obstacle, OfAFileAreAllFoundByWriterReaderAndShapes) {
  const Graph graph = network();
  const auto name = [&](std::size_t node) {
    return graph.values[static_cast<std::size_t>(graph.nodes[node].output)].name;
  };
  Obstacles found;
  const std::string bytes = write_onnx(graph, {}, &found);
  EXPECT_THAT(lines(found), ElementsAre(name(1) + " (silu): op silu has no operator in ONNX here",
                                        name(2) + " (adaptive_avg_pool2d): output_size other than 1x1 has no operator "
                                                  "in ONNX"));
  found.clear();
  Graph read = read_onnx(bytes, "bytes", &found);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(to_text(found[2]), name(3) + " (Round): operator Round is not supported");
  ASSERT_EQ(read.nodes.size(), 2U);
  ASSERT_EQ(read.inputs.size(), 4U);  // x, and what the three compute
  EXPECT_THAT(error_text([&] { read_onnx(bytes, "bytes"); }), testing::StartsWith("bytes: node 1 (silu "));

  found.clear();
  const Shape x{2, 3, 8, 8}, known{2, 3, 2, 3};
  infer_shapes(read, std::vector<Shape>{x, x, known, known}, &found);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(read.values[static_cast<std::size_t>(read.outputs[0])].shape, known);
}

TEST(Obstacle, OfShapesLeavesTheShapeThatWasThere) {
  GraphBuilder b;
  const int x = b.input("x", {-1, 3, 8, 8});
  const int y = b.node("reshape", {x}, {{"shape", std::vector<std::int64_t>{5, 7}}});
  Graph graph = b.finish({b.node("relu", {y}, {})});
  graph.values[static_cast<std::size_t>(y)].shape = {2, 96};
  const Shape input{2, 3, 8, 8};
  Obstacles found;
  infer_shapes(graph, {&input, 1}, &found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].op, "reshape");
  EXPECT_EQ(graph.values[static_cast<std::size_t>(graph.outputs[0])].shape, (Shape{2, 96}));
}

}  // namespace
}  // namespace octet
