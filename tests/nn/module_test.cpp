// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/layers.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;
using testing::ElementsAre;

// As a user of the library writes one.
class Block final : public Module {
 public:
  struct Options {
    std::int64_t in_channels, out_channels, stride = 1;
  };
  Block(Options o, Rng& rng)
      : options_(o),
        conv1_(add<Conv2d>("conv1",
                           {.in_channels = o.in_channels,
                            .out_channels = o.out_channels,
                            .kernel_size = 3,
                            .stride = o.stride,
                            .padding = 1},
                           rng)),
        bn1_(add<BatchNorm2d>("bn1", {.features = o.out_channels})),
        act_(add<ReLU>("act")) {}

  Tensor forward(const Tensor& x) override { return act_(bn1_(conv1_(x))); }
  std::unique_ptr<Module> clone() const override {
    Rng unused(0);
    return copy_state_to(std::make_unique<Block>(options_, unused));
  }

 private:
  Options options_;
  Child &conv1_, &bn1_, &act_;
};

// Gives the tests the protected side of Module.
class Open final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x; }
  using Module::add;
  using Module::add_buffer;
  using Module::add_counter;
  using Module::add_parameter;
};

std::unique_ptr<Sequential> make_net(std::uint64_t seed) {
  Rng rng(seed);
  auto net = std::make_unique<Sequential>();
  net->append<Block>({.in_channels = 2, .out_channels = 3}, rng)
      .append<Block>({.in_channels = 3, .out_channels = 4}, rng);
  return net;
}

Tensor sample(std::uint64_t seed = 9) {
  Rng rng(seed);
  Tensor x = Tensor::empty({2, 2, 5, 5});
  for (float& value : x.mutable_values()) value = rng.normal();
  return x;
}

std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& t : tensors) names.push_back(t.name);
  return names;
}

TEST(Module, NamesParametersAndBuffersDepthFirst) {
  const auto net = make_net(1);
  EXPECT_THAT(names_of(net->named_parameters()),
              ElementsAre("0.conv1.weight", "0.conv1.bias", "0.bn1.weight", "0.bn1.bias", "1.conv1.weight",
                          "1.conv1.bias", "1.bn1.weight", "1.bn1.bias"));
  EXPECT_THAT(names_of(net->named_buffers()),
              ElementsAre("0.bn1.running_mean", "0.bn1.running_var", "1.bn1.running_mean", "1.bn1.running_var"));
  EXPECT_EQ(net->named_counters().at(1).name, "1.bn1.num_batches_tracked");
  EXPECT_EQ(net->parameter_count(), 2 * 3 * 9 + 3 + 6 + 3 * 4 * 9 + 4 + 8);
  for (const Tensor& parameter : net->parameters()) EXPECT_TRUE(parameter.requires_grad());
  for (const NamedTensor& buffer : net->named_buffers()) EXPECT_FALSE(buffer.tensor.requires_grad());
}

TEST(Module, KnowsItsTypeName) {
  const auto net = make_net(1);
  EXPECT_EQ(net->type_name(), "Sequential");
  EXPECT_EQ(net->at("0").type_name(), "Block");
  EXPECT_EQ(net->at("0.conv1").type_name(), "Conv2d");
  EXPECT_EQ(net->at("1.act").type_name(), "ReLU");
}

TEST(Module, SwitchesModeOfTheWholeTree) {
  const auto net = make_net(1);
  EXPECT_TRUE(net->at("1.bn1").training());
  net->eval();
  net->visit([](const std::string& path, Module& module) { EXPECT_FALSE(module.training()) << path; });
  net->train();
  EXPECT_TRUE(net->at("1.bn1").training());
}

TEST(Module, FindsModulesByPathAndSuggestsTheNearest) {
  const auto net = make_net(1);
  EXPECT_EQ(&net->at(""), net.get());
  EXPECT_EQ(&net->slot("1.conv1").module(), &net->at("1.conv1"));
  EXPECT_EQ(error_text([&] { net->at("1.conv2"); }),
            "Sequential: no module is called \"1.conv2\"; did you mean \"1.conv1\"?");
  EXPECT_EQ(error_text([&] { net->slot(""); }), "Sequential: no module is called \"\"");
}

TEST(Module, ErrorsCarryTheDottedPath) {
  const auto net = make_net(1);
  const Tensor wrong = Tensor::zeros({1, 3, 5, 5});
  EXPECT_THAT(error_text([&] { (*net)(wrong); }), testing::StartsWith("0.conv1: conv2d: "));
  EXPECT_EQ(ContextScope::path(), "") << "after an error";
}

TEST(Module, ASlotKeepsItsPlaceWhenItsModuleIsReplaced) {
  const auto net = make_net(1);
  Child& slot = net->slot("0.act");
  const std::unique_ptr<Module> old = slot.replace(std::make_unique<Sigmoid>());
  EXPECT_EQ(old->type_name(), "ReLU");
  EXPECT_EQ(net->at("0.act").type_name(), "Sigmoid");
  net->eval();
  const Tensor y = net->at("0")(sample());
  for (const float value : y.values()) EXPECT_TRUE(value > 0 && value < 1);
  EXPECT_EQ(error_text([&] { slot.replace(nullptr); }), "slot act: replace: the new module is null");
  EXPECT_EQ(net->at("0.act").type_name(), "Sigmoid");
}

TEST(Module, CloneHasTheSameValuesModesAndReplacedChildrenOfItsOwn) {
  const auto net = make_net(1);
  (*net)(sample());  // moves the running statistics
  net->slot("0.act").replace(std::make_unique<LeakyReLU>(LeakyReLU::Options{.negative_slope = 0.3F}));
  net->at("0.conv1").parameters().at(0).set_requires_grad(false);
  net->eval();
  const std::unique_ptr<Module> copy = net->clone();

  EXPECT_TRUE(same_bits((*copy)(sample()), (*net)(sample())));
  EXPECT_FALSE(copy->at("1.bn1").training());
  EXPECT_EQ(dynamic_cast<LeakyReLU&>(copy->at("0.act")).options().negative_slope, 0.3F);
  EXPECT_EQ(*copy->named_counters().at(0).value, 1);
  EXPECT_FALSE(copy->parameters().at(0).requires_grad());
  EXPECT_TRUE(copy->parameters().at(1).requires_grad());

  const Tensor before = (*net)(sample());
  for (Tensor parameter : copy->parameters())
    for (float& value : parameter.mutable_values()) value = 0.5F;
  EXPECT_TRUE(same_bits((*net)(sample()), before)) << "the original shares nothing with its clone";
}

TEST(Module, WithoutCloneSaysSo) {
  EXPECT_EQ(error_text([] { Open().clone(); }), "Open: clone: this class does not override clone()");
}

TEST(Module, RefusesNamesThatAreTakenOrHaveADot) {
  Open module;
  module.add<ReLU>("act");
  module.add_parameter("weight", Tensor::zeros({2}));
  EXPECT_EQ(error_text([&] { module.add<ReLU>("act"); }), "Open: the name \"act\" of a child is taken");
  EXPECT_EQ(error_text([&] { module.add_buffer("weight", Tensor::zeros({2})); }),
            "Open: the name \"weight\" of a buffer is taken");
  EXPECT_EQ(error_text([&] { module.add_counter("act"); }), "Open: the name \"act\" of a counter is taken");
  EXPECT_EQ(error_text([&] { module.add<ReLU>("a.b"); }),
            "Open: the name of a child must not be empty or hold a dot (\"a.b\")");
  EXPECT_EQ(error_text([&] { module.add_parameter("", Tensor::zeros({2})); }),
            "Open: the name of a parameter must not be empty or hold a dot (\"\")");
  EXPECT_EQ(error_text([&] { module.add_parameter("bias", Tensor()); }), "Open: the parameter \"bias\" is undefined");
  EXPECT_EQ(error_text([&] { module.add("fc", nullptr); }), "Open: the child \"fc\" is null");
}

}  // namespace
}  // namespace octet
