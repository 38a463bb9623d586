// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_writer.h"

#include <gtest/gtest.h>

#include "octet/graph/onnx_reader.h"
#include "support/error_text.h"
#include "support/graph_builder.h"

namespace octet {
namespace {

using test::error_text;
using test::GraphBuilder;

using List = std::vector<std::int64_t>;

Graph small_network() {
  GraphBuilder b;
  const int x = b.input("x", {-1, 3, 8, 8});
  const int q = b.node("quantize", {x, b.scalar(0.5F), b.scalar(std::int8_t{3})}, {{"axis", std::int64_t{1}}});
  const int d = b.node("dequantize", {q, b.scalar(0.5F), b.scalar(std::int8_t{3})}, {{"axis", std::int64_t{1}}});
  const int w = b.constant({4, 3, 3, 3}, std::vector<std::int8_t>(108, 1));
  const int wd =
      b.node("dequantize",
             {w, b.constant({4}, std::vector<float>{1, 2, 3, 4}), b.constant({4}, std::vector<std::int8_t>(4, 0))},
             {{"axis", std::int64_t{0}}});
  const int y =
      b.node("conv2d", {d, wd},
             {{"stride", List{1, 1}}, {"padding", List{1, 1}}, {"dilation", List{1, 1}}, {"groups", std::int64_t{1}}});
  const int r = b.node("relu", {y}, {});
  const int p = b.node("max_pool2d", {b.node("add", {r, y}, {})},
                       {{"kernel_size", List{2, 2}},
                        {"stride", List{2, 2}},
                        {"padding", List{0, 0}},
                        {"end_padding", List{1, 1}},
                        {"dilation", List{1, 1}},
                        {"ceil_mode", false}});
  const int f = b.node("flatten", {p}, {{"start_dim", std::int64_t{1}}, {"end_dim", std::int64_t{-1}}});
  return b.finish({f});
}

TEST(OnnxWriter, WritesWhatTheReaderReads) {
  const Graph graph = small_network();
  const Graph back = read_onnx(write_onnx(graph), "test");
  ASSERT_EQ(back.nodes.size(), graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    EXPECT_EQ(back.nodes[i].op, graph.nodes[i].op);
    EXPECT_EQ(back.nodes[i].inputs.size(), graph.nodes[i].inputs.size());
    for (const auto& [name, value] : graph.nodes[i].attributes)
      if (name != "axis") {  // without meaning for one scale, and left out
        EXPECT_EQ(back.nodes[i].attributes.at(name), value) << graph.nodes[i].op << ' ' << name;
      }
  }
  ASSERT_EQ(back.inputs.size(), 1U);
  EXPECT_EQ(back.values[static_cast<std::size_t>(back.inputs[0])].shape, (Shape{-1, 3, 8, 8}));
  const Node& weight = back.nodes[2];
  EXPECT_EQ(*back.values[static_cast<std::size_t>(weight.inputs[0])].data,
            ConstantData(std::vector<std::int8_t>(108, 1)));
}

TEST(OnnxWriter, WritesTheSameBytesTwice) { EXPECT_EQ(write_onnx(small_network()), write_onnx(small_network())); }

TEST(OnnxWriter, RefusesOpsThatOnnxDoesNotHaveHere) {
  GraphBuilder b;
  const int x = b.input("x", {1, 3});
  const Graph graph = b.finish({b.node("hardswish", {x}, {})});
  EXPECT_EQ(error_text([&] { write_onnx(graph); }),
            "hardswish_0 (hardswish): op hardswish has no operator in ONNX here");
}

TEST(OnnxWriter, RefusesParametersWithoutData) {
  GraphBuilder b;
  const int x = b.input("x", {1, 3});
  Graph graph = b.finish({b.node("add", {x, b.scalar(1.0F)}, {})});
  graph.values[1].data = nullptr;
  EXPECT_EQ(error_text([&] { write_onnx(graph); }), "\"constant_0\" has no data");
}

TEST(OnnxWriter, RefusesAttributesThatItWouldLeaveOut) {
  GraphBuilder b;
  const int x = b.input("x", {1, 3});
  const Graph graph = b.finish({b.node("relu", {x}, {{"slope", 0.5}})});
  EXPECT_EQ(error_text([&] { write_onnx(graph); }), "relu_0 (relu): attribute slope cannot be written");
}

}  // namespace
}  // namespace octet
