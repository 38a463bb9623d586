// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace octet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// y = relu(conv2d(input, w, no bias)); z = add(y, y)
Graph small_graph() {
  using Kind = Value::Kind;
  Graph graph;
  graph.values = {{Kind::kInput, "input", {2, 3, 8, 8}, -1},
                  {Kind::kParameter, "layer1.conv.weight", {4, 3, 3, 3}, -1},
                  {Kind::kResult, "conv2d_0", {2, 4, 6, 6}, 0},
                  {Kind::kResult, "relu_0", {2, 4, 6, 6}, 1},
                  {Kind::kResult, "add_0", {2, 4, 6, 6}, 2}};
  graph.nodes = {{"conv2d", "layer1.conv", 0, {0, 1, -1}, 2, {{"groups", std::int64_t{1}}}},
                 {"relu", "layer1.relu", 0, {2}, 3, {}},
                 {"add", "", 0, {3, 3}, 4, {}}};
  graph.inputs = {0};
  graph.outputs = {4};
  return graph;
}

TEST(Graph, KnowsWhoReadsAValue) {
  const Graph graph = small_graph();
  EXPECT_THAT(graph.readers(0), ElementsAre(0));
  EXPECT_THAT(graph.readers(2), ElementsAre(1));
  EXPECT_THAT(graph.readers(3), ElementsAre(2)) << "once, although add reads it twice";
  EXPECT_THAT(graph.readers(4), IsEmpty());
}

TEST(Graph, PrintsOneLinePerNode) {
  EXPECT_EQ(small_graph().to_string(),
            "conv2d_0 = conv2d(input, layer1.conv.weight, -) [2, 4, 6, 6]  layer1.conv\n"
            "relu_0 = relu(conv2d_0) [2, 4, 6, 6]  layer1.relu\n"
            "add_0 = add(relu_0, relu_0) [2, 4, 6, 6]\n");
}

TEST(Graph, PrintsNothingWhenEmpty) { EXPECT_EQ(Graph().to_string(), ""); }

}  // namespace
}  // namespace octet
