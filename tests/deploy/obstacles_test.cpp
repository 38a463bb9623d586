// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/obstacles.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/graph_builder.h"

namespace octet::deploy {
namespace {

TEST(DeployObstacles, AreAllNodesThatAPlanRefuses) {
  test::GraphBuilder b;
  const int x = b.input("x", {-1, 3, 8, 8}), refused = b.input("refused", {-1, 3, 8, 8});
  const int shifted = b.node("add", {x, b.scalar(1.0F)}, {});
  const int round = b.node("round", {shifted}, {});
  const int both = b.node("add", {round, refused}, {});
  const int y = b.node("reshape", {both}, {{"shape", std::vector<std::int64_t>{1, 192}}});
  Graph graph = b.finish({y});
  for (const int value : {shifted, round, both}) graph.values[static_cast<std::size_t>(value)].shape = {2, 3, 8, 8};
  const Shape image{2, 3, 8, 8};
  std::vector<std::string> ops;
  for (const Obstacle& obstacle : find_obstacles(graph, std::vector<Shape>{image, image})) ops.push_back(obstacle.op);
  std::sort(ops.begin(), ops.end());
  ops.erase(std::unique(ops.begin(), ops.end()), ops.end());
  EXPECT_EQ(ops, (std::vector<std::string>{"add", "reshape", "round"}));
}

TEST(DeployObstacles, AreNoneWhereAModelRuns) {
  test::GraphBuilder b;
  const int x = b.input("x", {-1, 3, 8, 8});
  const Shape image{2, 3, 8, 8};
  EXPECT_TRUE(find_obstacles(b.finish({b.node("relu", {x}, {})}), {&image, 1}).empty());
}

}  // namespace
}  // namespace octet::deploy
