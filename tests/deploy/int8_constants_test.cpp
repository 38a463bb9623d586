// SPDX-License-Identifier: Apache-2.0
// Float biases of files that others wrote, in channels on whose scale they cannot be said.
#include "octet/deploy/int8_constants.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "octet/deploy/model.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_writer.h"
#include "support/error_text.h"
#include "support/graph_builder.h"
#include "support/int8_oracle.h"

namespace octet::deploy {
namespace {

using test::GraphBuilder;
using List = std::vector<std::int64_t>;

struct Layer {
  std::string op;
  Shape x, weight;
  std::int64_t axis;  // of the output channels
  Attributes attributes = {};
};

const Layer kLayers[] = {
    {"conv2d", {2, 3, 4, 4}, {4, 3, 3, 3}, 0},
    {"conv2d", {2, 4, 4, 4}, {4, 1, 3, 3}, 0, {{"groups", std::int64_t{4}}}},
    {"conv_transpose2d", {2, 2, 3, 3}, {2, 4, 2, 2}, 1, {{"stride", List{2, 2}}}},
    {"linear", {2, 12}, {4, 12}, 0},
    {"linear", {2, 12}, {12, 4}, 1, {{"transposed_weight", true}}},
};

constexpr std::size_t kChannel = 2;
constexpr float kBias[] = {0.25F, -3.0F, 1.1F, 0.0F};

// One layer of four channels, of which channel 2 has this scale and, with `zeros`, no weights.
Graph graph_of(const Layer& layer, float input_scale, float scale, bool zeros, bool added) {
  GraphBuilder g;
  Shape any_batch = layer.x;
  any_batch[0] = -1;
  const int x = g.input("x", any_batch);
  const int grid = g.scalar(input_scale), offset = g.scalar(std::uint8_t{100});
  const int q = g.node("dequantize", {g.node("quantize", {x, grid, offset}, {}), grid, offset}, {});
  std::vector<std::int8_t> w(static_cast<std::size_t>(element_count(layer.weight)));
  const std::size_t run = layer.axis == 0 ? w.size() / 4 : w.size() / static_cast<std::size_t>(layer.weight[0]) / 4;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const bool is_zero = zeros && i / run % 4 == kChannel;
    w[i] = is_zero ? std::int8_t{0} : static_cast<std::int8_t>(static_cast<int>(i * 53 % 255) - 127);
  }
  std::vector<float> scales{0.01F, 0.02F, 0.01F, 0.005F};
  scales[kChannel] = scale;
  const int weight =
      g.node("dequantize",
             {g.constant(layer.weight, w), g.constant({4}, scales), g.constant({4}, std::vector<std::int8_t>(4))},
             {{"axis", layer.axis}});
  const Shape beside = layer.x.size() == 4 ? Shape{1, 4, 1, 1} : Shape{4};
  const std::vector<float> bias(std::begin(kBias), std::end(kBias));
  if (!added) return g.finish({g.node(layer.op, {q, weight, g.constant({4}, bias)}, layer.attributes)});
  return g.finish({g.node("add", {g.node(layer.op, {q, weight}, layer.attributes), g.constant(beside, bias)}, {})});
}

std::vector<float> input_of(const Layer& layer, float largest) {
  std::vector<float> x(static_cast<std::size_t>(element_count(layer.x)));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = largest * std::sin(static_cast<float>(i));
  return x;
}

void expect_constant(const Layer& layer, float input_scale, float scale, bool zeros) {
  SCOPED_TRACE(testing::Message() << layer.op << ", scales " << input_scale << " and " << scale);
  const std::vector<float> x = input_of(layer, 100.0F * input_scale);
  Graph graph = graph_of(layer, input_scale, scale, zeros, false);
  const std::vector<float> y = Model::parse(write_onnx(graph), "graph").run(x, layer.x[0]);
  infer_shapes(graph, {&layer.x, 1});
  const std::size_t plane = y.size() / static_cast<std::size_t>(layer.x[0]) / 4;
  for (std::size_t i = 0; i < y.size(); ++i)
    if (i / plane % 4 == kChannel) {
      ASSERT_NEAR(y[i], 1.1F, 1e-5) << i;
    }
  const std::vector<test::OracleTensor> expected = test::Int8Oracle(graph).run(x);
  EXPECT_EQ(y, expected[static_cast<std::size_t>(graph.outputs[0])].values);
}

TEST(Int8Constants, KeepTheConstantOfAChannelWithATinyScale) {
  for (const Layer& layer : kLayers)
    for (const float scale : {1e-10F, 1e-20F, 1e-37F, 1e-42F}) expect_constant(layer, 0.02F, scale, false);
}

TEST(Int8Constants, KeepTheConstantOfAFilterOfZeros) {
  for (const Layer& layer : kLayers)
    for (const float input_scale : {1e-3F, 0.8F, 500.0F}) expect_constant(layer, input_scale, 1.0F, true);
}

TEST(Int8Constants, KeepAConstantThatIsAdded) {
  for (const Layer& layer : {kLayers[0], kLayers[3]}) {
    Graph graph = graph_of(layer, 0.02F, 1e-20F, false, true), plain = graph_of(layer, 0.02F, 1e-20F, false, false);
    const std::vector<float> x = input_of(layer, 2.0F);
    EXPECT_EQ(Model::parse(write_onnx(graph), "added").run(x, layer.x[0]),
              Model::parse(write_onnx(plain), "bias").run(x, layer.x[0]));
  }
}

// One constant, dequantized on two scales whose bias is the same: both channels get the same new scale.
TEST(Int8Constants, RoundSharedWeightsForEachLayerThatReadsThem) {
  GraphBuilder g;
  const int x = g.input("x", {-1, 12}), grid = g.scalar(0.02F), offset = g.scalar(std::uint8_t{100});
  const int q = g.node("dequantize", {g.node("quantize", {x, grid, offset}, {}), grid, offset}, {});
  std::vector<std::int8_t> w(4 * 12);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<std::int8_t>(static_cast<int>(i * 53 % 255) - 127);
  const int weights = g.constant({4, 12}, w), zeros = g.constant({4}, std::vector<std::int8_t>(4));
  const int bias = g.constant({4}, std::vector<float>{0.25F, -3.0F, 1.1F, 0.0F});
  std::vector<int> layers;
  for (const float scale : {2e-8F, 4e-9F}) {
    const int scales = g.constant({4}, std::vector<float>{0.01F, 0.02F, scale, 0.005F});
    const int weight = g.node("dequantize", {weights, scales, zeros}, {{"axis", std::int64_t{0}}});
    layers.push_back(g.node("linear", {q, weight, bias}, {}));
  }
  Graph graph = g.finish({g.node("cat", layers, {{"dim", std::int64_t{1}}})});
  const Shape shape{1, 12};
  const std::vector<float> input = input_of({"linear", shape, {}, 0}, 2.0F);
  const std::vector<float> y = Model::parse(write_onnx(graph), "graph").run(input, 1);
  infer_shapes(graph, {&shape, 1});
  EXPECT_EQ(y, test::Int8Oracle(graph).run(input)[static_cast<std::size_t>(graph.outputs[0])].values);
}

TEST(Int8Constants, RefuseABiasThatIsNotFinite) {
  const Layer& layer = kLayers[3];
  Graph graph = graph_of(layer, 0.02F, 0.01F, false, false);
  Value& bias = graph.values[static_cast<std::size_t>(graph.nodes.back().inputs[2])];
  bias.data = std::make_shared<const ConstantData>(std::vector<float>{0.0F, 0.0F, NAN, 0.0F});
  const std::string error =
      test::error_text([&] { Model::parse(write_onnx(graph), "nan").run(input_of(layer, 1.0F), 2); });
  EXPECT_NE(error.find('"' + bias.name + "\": value 2 of 4 is not finite"), std::string::npos) << error;
}

TEST(Int8Constants, RefuseScalesWhoseProductIsNotFinite) {
  const Layer& layer = kLayers[0];
  const Graph graph = graph_of(layer, 2.0F, 3e38F, false, false);
  const std::string error = test::error_text([&] { Model::parse(write_onnx(graph), "m.onnx"); });
  EXPECT_NE(error.find("the scales 2 of the input and 3e+38 of channel 2 have a product that is not finite"),
            std::string::npos)
      << error;
}

}  // namespace
}  // namespace octet::deploy
