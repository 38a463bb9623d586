// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/live_nodes.h"

#include <gtest/gtest.h>

#include "octet/graph/onnx_reader.h"
#include "octet/graph/onnx_writer.h"
#include "support/graph_builder.h"

namespace octet {
namespace {

TEST(LiveNodes, AreThoseThatAnOutputDependsOn) {
  test::GraphBuilder b;
  const int x = b.input("x", {-1, 4});
  const int a = b.node("relu", {x}, {});
  b.node("relu6", {a}, {});  // read by nobody
  const int dead = b.node("identity", {x}, {});
  b.node("add", {dead, a}, {});
  const int y = b.node("add", {a, x}, {});
  const Graph live = live_nodes(b.finish({y}));
  ASSERT_EQ(live.nodes.size(), 2U);
  EXPECT_EQ(live.nodes[0].op, "relu");
  EXPECT_EQ(live.nodes[1].op, "add");
  EXPECT_EQ(live.values[static_cast<std::size_t>(y)].producer, 1);
  EXPECT_EQ(live.values[static_cast<std::size_t>(dead)].producer, -1);
  EXPECT_EQ(read_onnx(write_onnx(live), "live").nodes.size(), 2U);
}

}  // namespace
}  // namespace octet
