// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/models.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

// The counts of torchvision and, for the CIFAR family, of the paper's networks with projection shortcuts. The depth of
// a name counts convolutions and linear layers, without the projections.
TEST(Models, HaveTheDepthOfTheirNameAndTheParameterCountOfTheirArchitecture) {
  const std::map<std::string, std::int64_t> counts = {
      {"resnet8", 78042},      {"resnet20", 272474},   {"resnet32", 466906},   {"resnet44", 661338},
      {"resnet56", 855770},    {"resnet18", 11689512}, {"resnet34", 21797672}, {"resnet50", 25557032},
      {"resnet101", 44549160}, {"resnet152", 60192808}};
  EXPECT_EQ(model_names().size(), counts.size());
  for (const std::string& name : model_names()) {
    Rng rng(1);
    const bool cifar = counts.at(name) < 1'000'000;
    const auto model = make_model(name, {.num_classes = cifar ? 10 : 1000}, rng);
    EXPECT_EQ(model->parameter_count(), counts.at(name)) << name;
    std::int64_t depth = 0;
    for (const auto& [parameter, tensor] : model->named_parameters())
      depth += tensor.rank() >= 2 && parameter.find("downsample") == std::string::npos;
    EXPECT_EQ(text("resnet", depth), name);
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
