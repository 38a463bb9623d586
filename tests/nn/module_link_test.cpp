// SPDX-License-Identifier: Apache-2.0
// References between modules outlive what they refer to. Under the address sanitizer these tests see every use of a
// module that is gone; without it, what a filter does shows which module did it.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/layers.h"
#include "octet/nn/module.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

// As a filter it adds a number.
class Adds final : public Module {
 public:
  explicit Adds(float number) : number_(number), memory_(1000, number) {}
  Tensor forward(const Tensor& x) override { return x; }
  Tensor filter_input(const Tensor& x) override { return x + Tensor::scalar(memory_.back()); }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<Adds>(number_)); }

 private:
  float number_;
  std::vector<float> memory_;
};

std::unique_ptr<Sequential> holding(std::unique_ptr<Module> module) {
  auto block = std::make_unique<Sequential>();
  block->append(std::move(module));
  return block;
}

// "0" holds the filter "0.0" of slot "1", whose own filter "1.0" lies inside.
std::unique_ptr<Sequential> make_net() {
  auto net = std::make_unique<Sequential>();
  net->append(holding(std::make_unique<Adds>(1.0F))).append(holding(std::make_unique<Adds>(10.0F)));
  return net;
}

float output(Module& net) { return net(Tensor::from_values({1}, std::vector<float>{0.0F})).item(); }

TEST(ModuleLink, AnInputFilterThatIsReplacedIsTheOneThatTookItsPlace) {
  const auto net = make_net();
  net->slot("1").set_input_filter(&net->at("0.0"));
  EXPECT_EQ(output(*net), 1.0F);
  net->slot("0.0").replace(std::make_unique<Adds>(2.0F));  // the old one dies here
  EXPECT_EQ(net->slot("1").input_filter(), &net->at("0.0"));
  EXPECT_EQ(output(*net), 2.0F);
  std::unique_ptr<Module> kept = net->slot("0.0").replace(std::make_unique<Identity>());
  EXPECT_EQ(output(*net), 0.0F);  // an Identity filters nothing
  net->slot("0.0").replace(std::move(kept));
  EXPECT_EQ(output(*net), 2.0F);
  EXPECT_EQ(output(*net->clone()), 2.0F);
}

TEST(ModuleLink, FollowsAPathIntoABlockThatTakesAnothersPlace) {
  const auto net = make_net();
  net->slot("1").set_input_filter(&net->at("0.0"));
  net->slot("0").replace(holding(std::make_unique<Adds>(3.0F)));
  EXPECT_EQ(net->slot("1").input_filter(), &net->at("0.0"));
  EXPECT_EQ(output(*net), 3.0F);
}

TEST(ModuleLink, AFilterThatIsGoneIsAnErrorUntilAnotherIsSet) {
  const auto net = make_net();
  net->slot("1").set_input_filter(&net->at("0.0"));
  net->slot("0").replace(std::make_unique<Identity>());
  const std::string gone = "1: the slot's input filter has been destroyed; set_input_filter() sets another, or none";
  EXPECT_EQ(error_text([&] { output(*net); }), gone);
  EXPECT_EQ(net->slot("1").input_filter(), nullptr);
  EXPECT_EQ(error_text([&] { output(*net->clone()); }), gone);
  net->slot("1").set_input_filter(nullptr);
  EXPECT_EQ(output(*net), 0.0F);
}

TEST(ModuleLink, AFilterInTheSlotsOwnModuleGoesAndComesWithIt) {
  const auto net = make_net();
  net->slot("1").set_input_filter(&net->at("1.0"));
  EXPECT_EQ(output(*net), 10.0F);
  std::unique_ptr<Module> kept = net->slot("1").replace(std::make_unique<Identity>());
  EXPECT_EQ(net->slot("1").input_filter(), nullptr);
  EXPECT_EQ(output(*net), 0.0F);
  EXPECT_EQ(output(*net->clone()), 0.0F);
  net->slot("1").replace(std::move(kept));
  EXPECT_EQ(output(*net), 10.0F);
  net->slot("1").replace(std::make_unique<Identity>());  // and is not asked for once it is destroyed
  EXPECT_EQ(output(*net), 0.0F);
  net->slot("1").replace(holding(std::make_unique<Adds>(4.0F)));
  EXPECT_EQ(output(*net), 0.0F);
}

TEST(ModuleLink, ALinkOutlivesItsModule) {
  auto module = std::make_unique<Adds>(1.0F);
  const ModuleLink link(module.get()), none, null(nullptr);
  EXPECT_EQ(link.get(), module.get());
  EXPECT_FALSE(link.broken());
  module.reset();
  EXPECT_EQ(link.get(), nullptr);
  EXPECT_TRUE(link.broken());
  EXPECT_FALSE(none.broken() || null.broken());
}

}  // namespace
}  // namespace octet
