// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/infer_shapes.h"

#include <gtest/gtest.h>

#include "support/error_text.h"
#include "support/graph_builder.h"

namespace octet {
namespace {

using test::error_text;
using test::GraphBuilder;
using List = std::vector<std::int64_t>;

Shape shape_of(const std::string& op, const std::vector<Shape>& inputs, const Attributes& attributes) {
  GraphBuilder b;
  const int x = b.input("x", {});
  std::vector<int> operands{x};
  for (std::size_t i = 1; i < inputs.size(); ++i)
    operands.push_back(
        b.constant(inputs[i], std::vector<float>(static_cast<std::size_t>(element_count(inputs[i])), 0.0F)));
  Graph graph = b.finish({b.node(op, operands, attributes)});
  infer_shapes(graph, {&inputs[0], 1});
  return graph.values.back().shape;
}

TEST(InferShapes, KnowsTheConvolutions) {
  EXPECT_EQ(shape_of("conv2d", {{2, 4, 9, 8}, {6, 2, 3, 2}},
                     {{"stride", List{2, 1}},
                      {"padding", List{1, 0}},
                      {"end_padding", List{2, 3}},
                      {"dilation", List{2, 1}},
                      {"groups", std::int64_t{2}}}),
            (Shape{2, 6, 4, 10}));
  EXPECT_EQ(shape_of("conv_transpose2d", {{2, 4, 5, 3}, {4, 3, 4, 2}},
                     {{"stride", List{2, 3}},
                      {"padding", List{1, 0}},
                      {"output_padding", List{1, 2}},
                      {"groups", std::int64_t{2}}}),
            (Shape{2, 6, 11, 10}));
  EXPECT_EQ(shape_of("linear", {{5, 4}, {4, 7}}, {{"transposed_weight", true}}), (Shape{5, 7}));
}

TEST(InferShapes, KnowsPoolsWithCeilMode) {
  const Attributes pool{{"kernel_size", List{3, 3}}, {"stride", List{2, 2}}, {"ceil_mode", true}};
  EXPECT_EQ(shape_of("max_pool2d", {{1, 2, 6, 7}}, pool), (Shape{1, 2, 3, 3}));
  Attributes padded = pool;  // a window that would begin in the last padding is left out
  padded["kernel_size"] = padded["stride"] = List{2, 2};
  padded["padding"] = List{1, 1};
  EXPECT_EQ(shape_of("avg_pool2d", {{1, 2, 3, 5}}, padded), (Shape{1, 2, 2, 3}));
}

TEST(InferShapes, KnowsReshapes) {
  EXPECT_EQ(shape_of("reshape", {{2, 3, 4, 5}}, {{"shape", List{0, -1}}}), (Shape{2, 60}));
  EXPECT_EQ(shape_of("flatten", {{2, 3, 4, 5}}, {}), (Shape{2, 60}));
  EXPECT_EQ(shape_of("cat", {{2, 3, 4, 5}, {2, 1, 4, 5}}, {{"dim", std::int64_t{-3}}}), (Shape{2, 4, 4, 5}));
}

TEST(InferShapes, JoinsAnyNumberOfParts) {
  EXPECT_EQ(shape_of("cat", std::vector<Shape>(100, Shape{2, 3}), {}), (Shape{2, 300}));
}

TEST(InferShapes, NamesTheNodeWhereSizesDoNotFit) {
  EXPECT_EQ(error_text([] {
              shape_of("conv2d", {{1, 3, 4, 4}, {4, 2, 1, 1}}, {});
            }),
            "conv2d_0: conv2d: w expects 2 input channels but x has 3 (x [1, 3, 4, 4], w [4, 2, 1, 1], groups 1)");
  EXPECT_EQ(error_text([] {
              shape_of("conv2d", {{1, 2, 4, 4}, {4, 2, 5, 1}}, {});
            }),
            "conv2d_0: conv2d: the window 5x1 (kernel 5x1, dilation 1x1) is larger than the padded input 4x4 (x [1, 2, "
            "4, 4])");
  EXPECT_EQ(error_text([] {
              shape_of("add", {{1, 2}, {2, 3}}, {});
            }),
            "add_0: add: shapes must be equal, or sizes be 1: [1, 2] and [2, 3]");
  EXPECT_EQ(error_text([] {
              shape_of("reshape", {{65536, 2}}, {{"shape", List{1 << 30, 1 << 30}}});
            }),
            "reshape_0: reshape: [65536, 2] has 131072 elements, which do not fit the shape [1073741824, 1073741824]");
  EXPECT_EQ(error_text([] {
              shape_of("quantize", {{1, 2}, {3}}, {{"axis", std::int64_t{1}}});
            }),
            "quantize_0: quantize: the scale [3] does not fit [1, 2] along axis 1");
}

}  // namespace
}  // namespace octet
