// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/sequential.h"

#include <gtest/gtest.h>

#include "octet/nn/layers.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

TEST(Sequential, RunsItsModulesInOrder) {
  Rng rng(1);
  Sequential net;
  net.append<Conv2d>({.in_channels = 1, .out_channels = 2, .kernel_size = 3}, rng)
      .append<ReLU>()
      .append<Flatten>()
      .append(std::make_unique<Linear>(Linear::Options{.in_features = 8, .out_features = 3}, rng));
  const Tensor x = Tensor::full({1, 1, 4, 4}, 0.5F);
  const Tensor by_hand = net.at("3")(flatten(relu(net.at("0")(x))));
  EXPECT_TRUE(test::same_bits(net(x), by_hand));
  EXPECT_TRUE(test::same_bits((*net.clone())(x), by_hand));
  EXPECT_EQ(net.named_parameters().back().name, "3.bias");
}

TEST(Sequential, WithoutModulesReturnsItsInput) {
  Sequential net;
  const Tensor x = Tensor::scalar(2.0F);
  EXPECT_TRUE(net(x).same_as(x));
}

TEST(Sequential, RefusesANullModule) {
  Sequential net;
  EXPECT_EQ(test::error_text([&] { net.append(nullptr); }), "Sequential: the child \"0\" is null");
}

}  // namespace
}  // namespace octet
