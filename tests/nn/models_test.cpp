// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/models.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

// The numbers of torchvision and, for the CIFAR family with projection shortcuts, of the paper's networks.
TEST(Models, HaveTheParameterCountsOfTheirArchitectures) {
  const std::map<std::string, std::int64_t> imagenet = {{"resnet18", 11689512}, {"resnet34", 21797672}};
  for (const auto& [name, count] : imagenet) {
    Rng rng(1);
    EXPECT_EQ(make_model(name, {.num_classes = 1000}, rng)->parameter_count(), count) << name;
  }
  const std::map<std::string, std::int64_t> cifar = {
      {"resnet20", 272474}, {"resnet32", 466906}, {"resnet44", 661338}, {"resnet56", 855770}};
  for (const auto& [name, count] : cifar) {
    Rng rng(1);
    EXPECT_EQ(make_model(name, {}, rng)->parameter_count(), count) << name;
  }
}

TEST(Models, BottleneckNetworksHaveTheParameterCountOfTorchvision) {
  Rng rng(1);
  EXPECT_EQ(make_model("resnet50", {.num_classes = 1000}, rng)->parameter_count(), 25557032);
}

TEST(Models, EveryNameMakesAModelOfThatDepth) {
  for (const std::string& name : model_names()) {
    Rng rng(1);
    std::int64_t weighted = 0;  // convolutions and linear layers, without the projections of shortcuts
    for (const auto& [parameter, tensor] :
         make_model(name, {.in_channels = 1, .num_classes = 2}, rng)->named_parameters())
      weighted += tensor.rank() >= 2 && parameter.find("downsample") == std::string::npos;
    EXPECT_EQ(text("resnet", weighted), name);
  }
}

TEST(Models, TheSameSeedMakesTheSameModel) {
  Rng a(5), b(5), c(6);
  const auto u = make_model("resnet8", {}, a), v = make_model("resnet8", {}, b), w = make_model("resnet8", {}, c);
  EXPECT_TRUE(test::same_bits(u->parameters().front(), v->parameters().front()));
  EXPECT_TRUE(test::same_bits(u->parameters().back(), v->parameters().back()));
  EXPECT_FALSE(test::same_bits(u->parameters().front(), w->parameters().front()));
}

TEST(Models, SuggestTheNearestName) {
  Rng rng(1);
  EXPECT_EQ(test::error_text([&] { make_model("resnet-18", {}, rng); }),
            "make_model: there is no model \"resnet-18\"; did you mean \"resnet18\"?");
  EXPECT_EQ(test::error_text([&] { make_model("vgg", {}, rng); }), "make_model: there is no model \"vgg\"");
}

}  // namespace
}  // namespace octet
