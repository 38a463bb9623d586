// SPDX-License-Identifier: Apache-2.0
// The builder of golden models, on what the vectors that come with the tests do not have.
#include "support/golden_model.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/autograd/trace.h"
#include "octet/quant/quantizable_layers.h"

namespace octet::test {
namespace {

// The layers that can be quantized; the shape of the output.
struct Found {
  std::vector<std::string> layers;
  Shape output;
};

Found look_at(const std::string& json) {
  const GoldenJson description = GoldenJson::parse(json);
  GoldenModel model(description);
  model.eval();
  const Tensor x = GoldenModel::input(description);
  Found found{{}, model(x).shape()};
  for (const QuantizableLayer& layer : find_quantizable_layers(model, trace(model, x)))
    if (layer.obstacle.empty()) found.layers.push_back(layer.name);
  return found;
}

using Names = std::vector<std::string>;

TEST(GoldenModel, SharesTheWeightOfALinear) {
  const Found found = look_at(R"({"inputs": [{"name": "x", "shape": [2, 4]}], "modules": [
    {"name": "p", "type": "Linear", "args": {"in_features": 4, "out_features": 4}},
    {"name": "q", "type": "Linear", "share_weight_with": "p", "args": {"in_features": 4, "out_features": 4}},
    {"name": "r", "type": "Linear", "args": {"in_features": 4, "out_features": 3, "bias": false}}],
    "ops": [{"op": "module", "module": "p", "inputs": ["x"], "output": "a"},
            {"op": "module", "module": "q", "inputs": ["a"], "output": "b"},
            {"op": "module", "module": "r", "inputs": ["b"], "output": "c"}], "outputs": ["c"]})");
  EXPECT_EQ(found.layers, Names{"r"});
  EXPECT_EQ(found.output, (Shape{2, 3}));
}

TEST(GoldenModel, SharesTheWeightOfAConvTranspose2d) {
  const Found found = look_at(R"({"inputs": [{"name": "x", "shape": [2, 4, 3, 3]}], "modules": [
    {"name": "p", "type": "ConvTranspose2d", "args": {"in_channels": 4, "out_channels": 4, "kernel_size": 2, "stride": 2}},
    {"name": "q", "type": "ConvTranspose2d", "share_weight_with": "p",
     "args": {"in_channels": 4, "out_channels": 4, "kernel_size": 2, "bias": false}},
    {"name": "again", "type": "ConvTranspose2d", "args": {"in_channels": 4, "out_channels": 4, "kernel_size": 1}},
    {"name": "alias", "type": "ConvTranspose2d", "alias_of": "again"},
    {"name": "r", "type": "Conv2d", "args": {"in_channels": 4, "out_channels": 2, "kernel_size": 1}}],
    "ops": [{"op": "module", "module": "p", "inputs": ["x"], "output": "a"},
            {"op": "module", "module": "q", "inputs": ["a"], "output": "b"},
            {"op": "module", "module": "again", "inputs": ["b"], "output": "c"},
            {"op": "module", "module": "alias", "inputs": ["c"], "output": "d"},
            {"op": "module", "module": "r", "inputs": ["d"], "output": "e"}], "outputs": ["e"]})");
  EXPECT_EQ(found.layers, Names{"r"});
  EXPECT_EQ(found.output, (Shape{2, 2, 7, 7}));
}

TEST(GoldenModel, KeepsFourDimensionsThroughLinearAndMean) {
  const Found found = look_at(R"({"inputs": [{"name": "x", "shape": [2, 3, 4, 5]}], "modules": [
    {"name": "conv", "type": "Conv2d", "args": {"in_channels": 3, "out_channels": 6, "kernel_size": 1}},
    {"name": "norm", "type": "LayerNorm", "args": {"normalized_shape": [6]}},
    {"name": "fc", "type": "Linear", "args": {"in_features": 6, "out_features": 7}},
    {"name": "last", "type": "Conv2d", "args": {"in_channels": 7, "out_channels": 2, "kernel_size": 1}}],
    "ops": [{"op": "module", "module": "conv", "inputs": ["x"], "output": "a"},
            {"op": "permute", "inputs": ["a"], "output": "b", "attrs": {"dims": [0, 2, 3, 1]}},
            {"op": "module", "module": "norm", "inputs": ["b"], "output": "c"},
            {"op": "module", "module": "fc", "inputs": ["c"], "output": "d"},
            {"op": "permute", "inputs": ["d"], "output": "e", "attrs": {"dims": [0, 3, 1, 2]}},
            {"op": "mean", "inputs": ["e"], "output": "f", "attrs": {"dims": [2, 3], "keepdim": true}},
            {"op": "module", "module": "last", "inputs": ["f"], "output": "g"}], "outputs": ["g"]})");
  EXPECT_EQ(found.layers, (Names{"conv", "fc", "last"}));
  EXPECT_EQ(found.output, (Shape{2, 2, 1, 1}));
}

TEST(GoldenModel, GivesALinearAnInputOfFourDimensionsRowByRow) {
  const Found found = look_at(R"({"inputs": [{"name": "x", "shape": [2, 3, 4, 10]}], "modules": [
    {"name": "unused", "type": "Conv2d", "args": {"in_channels": 3, "out_channels": 6, "kernel_size": 1}},
    {"name": "fc", "type": "Linear", "args": {"in_features": 10, "out_features": 8}}],
    "ops": [{"op": "module", "module": "fc", "inputs": ["x"], "output": "a"}], "outputs": ["a"]})");
  EXPECT_EQ(found.layers, Names{"fc"});
  EXPECT_EQ(found.output, (Shape{2, 3, 4, 8}));
}

TEST(GoldenModel, ReachesEveryOutputAndAveragesAnyDimensions) {
  const Found found = look_at(R"({"inputs": [{"name": "x", "shape": [2, 5, 4]}], "modules": [
    {"name": "a", "type": "Linear", "args": {"in_features": 4, "out_features": 3}},
    {"name": "b", "type": "Linear", "args": {"in_features": 4, "out_features": 3}}],
    "ops": [{"op": "mean", "inputs": ["x"], "output": "m", "attrs": {"dims": [1], "keepdim": false}},
            {"op": "module", "module": "a", "inputs": ["m"], "output": "y"},
            {"op": "module", "module": "b", "inputs": ["x"], "output": "z"}], "outputs": ["y", "z"]})");
  EXPECT_EQ(found.layers, (Names{"a", "b"}));
}

TEST(GoldenModel, RefusesAnArgumentThatItDoesNotKnow) {
  const GoldenJson args = GoldenJson::parse(R"({"in_features": 4, "out_features": 3, "scale": 2})");
  EXPECT_THROW(golden_layer("Linear", args), std::invalid_argument);
  EXPECT_THROW(golden_layer("Conv9d", args), NoSuchLayer);
}

}  // namespace
}  // namespace octet::test
