// SPDX-License-Identifier: Apache-2.0
// Layers around tensors that exist already.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/conv_layers.h"
#include "octet/nn/optim.h"
#include "octet/nn/pool_layers.h"
#include "octet/nn/sequential.h"
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

// Every layer twice, around the same tensors.
std::unique_ptr<Sequential> make_tied() {
  Rng rng(3);
  const Conv2d conv({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}, rng);
  const ConvTranspose2d up({.in_channels = 4, .out_channels = 4, .kernel_size = 1}, rng);
  const Linear linear({.in_features = 36, .out_features = 36}, rng);
  auto net = std::make_unique<Sequential>();
  for (int i = 0; i < 2; ++i) net->append(std::make_unique<Conv2d>(conv.options(), conv.weight(), conv.bias()));
  for (int i = 0; i < 2; ++i) net->append(std::make_unique<ConvTranspose2d>(up.options(), up.weight(), up.bias()));
  net->append<Flatten>();
  for (int i = 0; i < 2; ++i) net->append(std::make_unique<Linear>(linear.options(), linear.weight(), linear.bias()));
  return net;
}

TEST(SharedTensors, AreSharedByTheCopiesInAClone) {
  const auto net = make_tied();
  const auto copy = net->clone();
  for (const auto& [first, second] : {std::pair("0", "1"), std::pair("2", "3"), std::pair("5", "6")})
    for (const std::size_t i : {0U, 1U}) {
      const Tensor one = copy->at(first).own_parameters()[i].tensor, two = copy->at(second).own_parameters()[i].tensor;
      EXPECT_TRUE(one.same_as(two)) << first << ' ' << i;
      EXPECT_FALSE(one.same_as(net->at(first).own_parameters()[i].tensor)) << first << ' ' << i;
      EXPECT_TRUE(one.requires_grad());
    }
  Rng rng(4);
  const Tensor x = random_tensor({2, 4, 3, 3}, rng);
  const auto trained = [&](Module& module) {
    SGD sgd(module, {.lr = 0.1, .momentum = 0.9});
    for (int i = 0; i < 2; ++i) {
      sgd.zero_grad();
      cross_entropy(module(x), std::vector<std::int64_t>{1, 2}).backward();
      sgd.step();
    }
    return module(x);
  };
  EXPECT_TRUE(test::same_bits(trained(*copy), trained(*net)));
}

TEST(SharedTensors, AreAmongTheParametersOnce) {
  const auto net = make_tied();
  std::vector<std::string> names;
  for (const NamedTensor& parameter : net->named_parameters()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias", "5.weight", "5.bias"}));
  EXPECT_EQ(net->parameter_count(), 4 * 4 * 9 + 4 + 4 * 4 + 4 + 36 * 36 + 36);
}

// A class that makes a new tensor for its copy.
class Scale final : public Module {
 public:
  explicit Scale(const Tensor& factor) : factor_(add_shared_parameter("factor", factor)) {}
  Tensor forward(const Tensor& x) override { return x; }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<Scale>(factor_.clone())); }

 private:
  Tensor factor_;
};

TEST(SharedTensors, AreAnErrorWhereACopyWouldNotShareThem) {
  Sequential net;
  const Tensor factor = Tensor::zeros({1});
  net.append(std::make_unique<Scale>(factor));
  EXPECT_EQ(error_text([&] { net.clone(); }), "no error");
  net.append(std::make_unique<Scale>(factor));
  EXPECT_EQ(error_text([&] { net.clone(); }),
            "Scale: clone: factor is also a tensor of another module, but its copy is not; make the new module with "
            "copy_of() of it");
}

}  // namespace
}  // namespace octet
