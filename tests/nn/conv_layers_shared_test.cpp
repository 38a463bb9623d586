// SPDX-License-Identifier: Apache-2.0
// Layers around tensors that exist already.
#include <gtest/gtest.h>

#include "octet/nn/conv_layers.h"
#include "support/array64.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_tensor;
using test::random_weight;

TEST(SharedTensors, AreTheLayersOwn) {
  Rng rng(1);
  Conv2d conv({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2}, rng);
  Tensor frozen = conv.weight();
  frozen.set_requires_grad(false);
  Conv2d second(conv.options(), conv.weight(), conv.bias());
  EXPECT_TRUE(second.weight().same_as(conv.weight()));
  EXPECT_TRUE(second.bias().same_as(conv.bias()));
  EXPECT_FALSE(second.weight().requires_grad()) << "frozen stays frozen";
  const Tensor x = random_tensor({1, 4, 5, 5}, rng);
  EXPECT_TRUE(test::same_bits(second(x), conv(x)));

  ConvTranspose2d up({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2, .bias = false}, rng);
  EXPECT_TRUE(ConvTranspose2d(up.options(), up.weight(), Tensor()).weight().same_as(up.weight()));
  Linear fc({.in_features = 4, .out_features = 2}, rng);
  EXPECT_TRUE(Linear(fc.options(), fc.weight(), fc.bias()).bias().same_as(fc.bias()));
}

TEST(SharedTensors, MustHaveTheLayersShapes) {
  Rng rng(2);
  const Tensor weight = random_weight({2, 4}, rng), bias = Tensor::zeros({2});
  const Linear::Options options{.in_features = 4, .out_features = 2};
  EXPECT_EQ(error_text([&] {
              Linear(options, random_weight({4, 2}, rng), bias);
            }),
            "Linear: weight must be a row-major tensor of shape [2, 4], got [4, 2]");
  EXPECT_EQ(error_text([&] { Linear(options, weight, Tensor()); }),
            "Linear: bias must be a row-major tensor of shape [2], got []");
  EXPECT_EQ(error_text([&] { Linear({.in_features = 4, .out_features = 2, .bias = false}, weight, bias); }),
            "Linear: bias must be undefined, because options.bias is false");
}

}  // namespace
}  // namespace octet
