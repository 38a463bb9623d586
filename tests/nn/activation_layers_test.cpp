// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/activation_layers.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

const Tensor& points() {
  static const Tensor x = Tensor::from_values({1, 7}, std::vector<float>{-7, -2, -0.5F, 0, 0.5F, 2, 7});
  return x;
}

// The layer gives what the op gives, and so does its clone.
void expect_computes(Module& layer, const std::string& type, const Tensor& expected) {
  EXPECT_EQ(layer.type_name(), type);
  EXPECT_TRUE(test::same_bits(layer(points()), expected)) << type;
  EXPECT_TRUE(test::same_bits((*layer.clone())(points()), expected)) << type << ", cloned";
  EXPECT_EQ(layer.clone()->type_name(), type);
  EXPECT_TRUE(layer.named_parameters().empty());
}

TEST(ActivationLayers, ComputeWhatTheirOpsDo) {
  ReLU relu_layer;
  ReLU6 relu6_layer;
  Sigmoid sigmoid_layer;
  Tanh tanh_layer;
  SiLU silu_layer;
  Hardswish hardswish_layer;
  Identity identity;
  LeakyReLU leaky, steep({.negative_slope = 0.5F});
  Softmax softmax_layer, along_batch({.dim = 0});
  expect_computes(relu_layer, "ReLU", relu(points()));
  expect_computes(relu6_layer, "ReLU6", relu6(points()));
  expect_computes(sigmoid_layer, "Sigmoid", sigmoid(points()));
  expect_computes(tanh_layer, "Tanh", tanh(points()));
  expect_computes(silu_layer, "SiLU", silu(points()));
  expect_computes(hardswish_layer, "Hardswish", hardswish(points()));
  expect_computes(identity, "Identity", points());
  expect_computes(leaky, "LeakyReLU", leaky_relu(points(), 0.01F));
  expect_computes(steep, "LeakyReLU", leaky_relu(points(), 0.5F));
  expect_computes(softmax_layer, "Softmax", softmax(points(), 1));
  expect_computes(along_batch, "Softmax", Tensor::full({1, 7}, 1.0F));
}

TEST(LeakyReLU, NamesTheOptionThatIsWrong) {
  EXPECT_EQ(test::error_text([] { LeakyReLU({.negative_slope = std::numeric_limits<float>::infinity()}); }),
            "LeakyReLU: negative_slope must be finite (negative_slope inf)");
}

}  // namespace
}  // namespace octet
