// SPDX-License-Identifier: Apache-2.0
// What a deployed graph says of each layer are the layer's integers, in the two forms of this room.
#include "octet/quant/deployed_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/graph/operators_quantization.h"
#include "octet/nn/layers.h"
#include "octet/nn/sequential.h"
#include "octet/quant/convert_model.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/fake_quant_form.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/qdq_form.h"

namespace octet {
namespace {

const std::vector<std::string> kLayers{"0", "3", "5"};

// All kinds of layers, converted, their clips found.
class DeployedGraph : public testing::Test {
 protected:
  DeployedGraph() {
    Sequential net;
    net.append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}, rng_);
    net.append<BatchNorm2d>({.features = 8});
    net.append<ReLU>();
    net.append<ConvTranspose2d>({.in_channels = 8, .out_channels = 6, .kernel_size = 2, .stride = 2, .groups = 2},
                                rng_);
    net.append<Flatten>();
    net.append<Linear>({.in_features = 6 * 10 * 10, .out_features = 5}, rng_);
    for (float& v : x_.mutable_values()) v = rng_.normal();
    const ModelConversion conversion = plan_model_conversion(net, R"({"version":1,"batch_num":1,
      "0":{"retrain_enable":true},"3":{"retrain_enable":true},"5":{"retrain_enable":true}})",
                                                             "config", x_);
    model_ = convert_model(net, conversion, false);
    const NoGrad no_grad;
    (*model_)(x_);
    model_->eval();
  }

  Graph graph(const QuantForm& form) {
    return deployed_graph(evaluation_trace(*model_, x_), *model_, form, {"image", "logits"}, false);
  }
  IntegerLayer integers(const std::string& name) {
    const auto& layer = dynamic_cast<const QatModule&>(model_->at(name));
    return layer.integers(layer.input_grid().grid.scale);
  }

  Rng rng_{5};
  Tensor x_ = Tensor::empty({2, 3, 5, 5});
  std::unique_ptr<Module> model_;
};

template <typename T>
const std::vector<T>& data_of(const Graph& graph, const std::string& name) {
  return std::get<std::vector<T>>(*std::ranges::find(graph.values, name, &Value::name)->data);
}

std::ptrdiff_t count(const Graph& graph, std::string_view op) { return std::ranges::count(graph.nodes, op, &Node::op); }

TEST_F(DeployedGraph, NamesWhatComesInAndGoesOutAndLeavesTheBatchOpen) {
  const Graph made = graph(qdq_form());
  const Value& input = made.values[static_cast<std::size_t>(made.inputs.at(0))];
  EXPECT_EQ(input.name, "image");
  EXPECT_EQ(input.shape, (Shape{-1, 3, 5, 5}));
  EXPECT_EQ(made.values[static_cast<std::size_t>(made.outputs.at(0))].name, "logits");
}

TEST_F(DeployedGraph, QdqHasTheIntegersOfTheLayers) {
  const Graph made = graph(qdq_form());
  EXPECT_EQ(count(made, ops::kQuantize), std::ssize(kLayers));
  EXPECT_EQ(count(made, ops::kDequantize), 3 * std::ssize(kLayers)) << "input, weight and bias of each";
  for (const std::string& name : kLayers) {
    SCOPED_TRACE(name);
    EXPECT_EQ(data_of<std::int32_t>(made, name + ".bias"), integers(name).bias);
    if (name != "3") {  // which has groups
      EXPECT_EQ(data_of<std::int8_t>(made, name + ".weight"), integers(name).weight);
    }
  }
}

TEST_F(DeployedGraph, QdqMakesOneGroupOfATransposedConvolutionsWithZerosBetween) {
  const Graph made = graph(qdq_form());
  const auto layer = std::ranges::find(made.nodes, "3", &Node::module);
  ASSERT_NE(layer, made.nodes.end());
  EXPECT_EQ(attribute(layer->attributes, "groups", std::int64_t{2}), 1);
  const std::vector<std::int8_t>& whole = data_of<std::int8_t>(made, "3.weight");
  const std::vector<std::int8_t> weight = integers("3").weight;
  constexpr std::size_t kInputs = 8, kRun = 3 * 2 * 2;  // a row: the 3 outputs of a group
  ASSERT_EQ(whole.size(), 2 * weight.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::size_t row = i / (2 * kRun), group = i % (2 * kRun) / kRun;
    const std::int8_t expected = group == row / (kInputs / 2) ? weight[row * kRun + i % kRun] : std::int8_t{0};
    EXPECT_EQ(whole[i], expected) << i;
  }
}

TEST_F(DeployedGraph, FakeQuantHasThemAsFloats) {
  const Graph made = graph(fake_quant_form());
  EXPECT_EQ(count(made, ops::kRound), std::ssize(kLayers));
  EXPECT_EQ(count(made, ops::kQuantize) + count(made, ops::kDequantize), 0);
  for (const std::string& name : kLayers) {
    SCOPED_TRACE(name);
    const IntegerLayer wanted = integers(name);
    EXPECT_EQ(data_of<float>(made, name + ".bias"), std::vector<float>(wanted.bias.begin(), wanted.bias.end()));
    if (name != "5") {  // whose matrix is transposed
      EXPECT_EQ(data_of<float>(made, name + ".weight"), std::vector<float>(wanted.weight.begin(), wanted.weight.end()));
    }
  }
  EXPECT_EQ(data_of<float>(made, "5.weight")[1], static_cast<float>(integers("5").weight[6 * 10 * 10]));
}

}  // namespace
}  // namespace octet
