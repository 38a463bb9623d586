// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/optim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "octet/nn/models.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/golden_json.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::same_bits;

Tensor values(const nlohmann::json& golden) {
  return Tensor::from_values(golden["shape"].get<Shape>(), golden["values"].get<std::vector<float>>());
}

Tensor vector(const std::vector<float>& v) { return Tensor::from_values({static_cast<std::int64_t>(v.size())}, v); }

std::vector<ParameterGroup> group_of(std::vector<NamedTensor> parameters) {
  return {{.parameters = std::move(parameters)}};
}

std::unique_ptr<Optimizer> make_optimizer(const nlohmann::json& golden, std::vector<ParameterGroup> groups) {
  if (golden["optimizer"] == "SGD")
    return std::make_unique<SGD>(std::move(groups), SGD::Options{.lr = golden["lr"],
                                                                 .momentum = golden["momentum"],
                                                                 .weight_decay = golden["weight_decay"],
                                                                 .nesterov = golden["nesterov"]});
  return std::make_unique<AdamW>(std::move(groups), AdamW::Options{.lr = golden["lr"],
                                                                   .beta1 = golden["betas"][0],
                                                                   .beta2 = golden["betas"][1],
                                                                   .eps = golden["eps"],
                                                                   .weight_decay = golden["weight_decay"]});
}

TEST(Optimizers, TakeTheStepsOfPyTorch) {
  int compared = 0;
  const nlohmann::json cases = test::load_golden("pytorch_ops.json")["optimizers"];
  EXPECT_FALSE(cases.empty());
  for (const nlohmann::json& golden : cases) {
    if (golden["optimizer"] == "Adam") continue;
    Tensor p = values(golden["parameter"]);
    const auto optimizer = make_optimizer(golden, group_of({{"p", p}}));
    for (std::size_t step = 0; step < golden["gradients"].size(); ++step) {
      p.set_grad(values(golden["gradients"][step]));
      optimizer->step();
      const Tensor expected = values(golden["after"][step]);
      for (std::size_t i = 0; i < expected.values().size(); ++i)
        EXPECT_NEAR(p.values()[i], expected.values()[i], 1e-6 * std::max(1.0F, std::abs(expected.values()[i])))
            << golden["optimizer"] << ", step " << step << ", value " << i;
    }
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

TEST(SGD, TheFirstMomentumStepIsNotDampened) {
  Tensor p = vector({1.0F});
  SGD sgd(group_of({{"p", p}}), {.lr = 1.0, .momentum = 0.5, .dampening = 0.75});
  p.set_grad(vector({0.5F}));
  sgd.step();
  EXPECT_EQ(p.values()[0], 0.5F);
  sgd.step();  // v = 0.5 * 0.5 + 0.25 * 0.5
  EXPECT_EQ(p.values()[0], 0.125F);
}

TEST(Optimizers, LeaveParametersWithoutGradientAlone) {
  Tensor used = vector({1.0F}), unused = vector({1.0F});
  AdamW adam(group_of({{"used", used}, {"unused", unused}}), {.weight_decay = 0.5});
  used.set_grad(vector({1.0F}));
  adam.step();
  EXPECT_NE(used.values()[0], 1.0F);
  EXPECT_EQ(unused.values()[0], 1.0F);
  adam.zero_grad();
  EXPECT_FALSE(used.grad().defined());
}

TEST(Optimizers, GroupsHaveTheirOwnDecayAndRate) {
  Tensor a = vector({1.0F}), b = vector({1.0F});
  SGD sgd({{.parameters = {{"a", a}}}, {.parameters = {{"b", b}}, .weight_decay = 0.0, .lr_scale = 0.5}},
          {.lr = 1.0, .weight_decay = 0.25});
  a.set_grad(vector({0.5F}));
  b.set_grad(vector({0.5F}));
  sgd.step();
  EXPECT_EQ(a.values()[0], 0.25F);
  EXPECT_EQ(b.values()[0], 0.75F);
  sgd.set_lr(0.0);
  sgd.step();
  EXPECT_EQ(a.values()[0], 0.25F);
}

TEST(DecayGroups, SpareBiasesAndNorms) {
  Rng rng(1);
  const auto net = make_model("resnet8", {}, rng);
  const std::vector<ParameterGroup> groups = decay_groups(*net, 5e-4);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].weight_decay, 5e-4);
  EXPECT_EQ(groups[1].weight_decay, 0.0);
  EXPECT_EQ(groups[0].parameters.size() + groups[1].parameters.size(), net->parameters().size());
  for (const NamedTensor& p : groups[0].parameters) EXPECT_TRUE(p.name.ends_with(".weight")) << p.name;
  EXPECT_EQ(groups[0].parameters.size(), 10u) << "9 convolutions and the classifier";
}

// Trains p for a while, saves, and continues a copy from the file.
template <typename Optimizer>
void expect_resumes(const typename Optimizer::Options& options) {
  const std::string path = testing::TempDir() + "optimizer_state.safetensors";
  const auto train = [](Optimizer& optimizer, Tensor p, int steps, std::uint64_t position) {
    Rng rng(8);
    rng.set_position(position);
    for (int i = 0; i < steps; ++i) {
      p.set_grad(vector({rng.normal(), rng.normal()}));
      optimizer.step();
    }
    return rng.position();
  };
  Tensor p = vector({1.0F, -2.0F});
  Optimizer optimizer(group_of({{"p", p}}), options);
  const std::uint64_t position = train(optimizer, p, 3, 0);
  save_state(path, optimizer.named_state());
  Tensor q = p.clone();
  train(optimizer, p, 3, position);

  Optimizer resumed(group_of({{"p", q}}), options);
  load_state(path, resumed.named_state());
  train(resumed, q, 3, position);
  EXPECT_TRUE(same_bits(p, q));
}

TEST(Optimizers, ContinueBitForBitFromSavedState) {
  expect_resumes<SGD>({.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 1e-3});
  expect_resumes<AdamW>({.lr = 0.1});
}

TEST(Optimizers, NameTheirState) {
  Tensor p = vector({1.0F});
  EXPECT_TRUE(SGD(group_of({{"p", p}}), {.lr = 0.1}).named_state().empty()) << "no momentum, no memory";
  AdamW adam(group_of({{"p", p}}), {});
  std::vector<std::string> names;
  for (const StateEntry& entry : adam.named_state()) names.push_back(entry.name);
  EXPECT_THAT(names, testing::ElementsAre("p.exp_avg", "p.exp_avg_sq", "p.step"));
}

TEST(Optimizers, GiveTheSameBitsOnAnyNumberOfThreads) {
  test::expect_same_bits_on_any_number_of_threads([] {
    std::vector<Tensor> results;
    for (const bool adam : {false, true}) {
      Rng rng(3);
      Tensor p = Tensor::zeros({300'000}), g = Tensor::zeros({300'000});
      for (float& value : g.mutable_values()) value = rng.normal();
      p.set_grad(g);
      const auto groups = group_of({{"p", p}});
      std::unique_ptr<Optimizer> optimizer;
      if (adam)
        optimizer = std::make_unique<AdamW>(groups, AdamW::Options{});
      else
        optimizer = std::make_unique<SGD>(groups, SGD::Options{.lr = 0.1, .momentum = 0.9});
      clip_grad_norm({&p, 1}, 1.0);
      for (int i = 0; i < 3; ++i) optimizer->step();
      results.push_back(p);
    }
    return results;
  });
}

TEST(ClipGradNorm, IsThatOfPyTorch) {
  const nlohmann::json cases = test::load_golden("pytorch_ops.json")["clip_grad_norm"];
  EXPECT_FALSE(cases.empty());
  for (const nlohmann::json& golden : cases) {
    std::vector<Tensor> parameters;
    for (const nlohmann::json& gradient : golden["gradients"]) {
      parameters.push_back(values(gradient).clone());
      parameters.back().set_grad(values(gradient));
    }
    parameters.push_back(vector({1.0F}));  // without gradient
    EXPECT_NEAR(clip_grad_norm(parameters, golden["max_norm"]), golden["norm"].get<double>(), 1e-6);
    for (std::size_t t = 0; t < golden["clipped"].size(); ++t) {
      const Tensor expected = values(golden["clipped"][t]), clipped = parameters[t].grad();
      for (std::size_t i = 0; i < expected.values().size(); ++i)
        EXPECT_NEAR(clipped.values()[i], expected.values()[i], 1e-6);
    }
  }
}

TEST(ClipGradValue, ClampsBothSides) {
  Tensor p = vector({0, 0, 0});
  p.set_grad(vector({-3.0F, 0.25F, 3.0F}));
  clip_grad_value({&p, 1}, 0.5);
  EXPECT_EQ(p.grad().to_vector(), (std::vector<float>{-0.5F, 0.25F, 0.5F}));
}

TEST(Optimizers, NameTheOptionThatIsWrong) {
  const Tensor p = vector({1.0F});
  const auto sgd_error = [&](SGD::Options options) { return error_text([&] { SGD(group_of({{"p", p}}), options); }); };
  const auto adam_error = [&](AdamW::Options options) {
    return error_text([&] { AdamW(group_of({{"p", p}}), options); });
  };
  EXPECT_EQ(sgd_error({.lr = -0.1}), "SGD: lr must be finite and not negative (lr -0.1)");
  EXPECT_EQ(sgd_error({.lr = std::numeric_limits<double>::infinity()}),
            "SGD: lr must be finite and not negative (lr inf)");
  EXPECT_EQ(sgd_error({.lr = 0.1, .momentum = -1}), "SGD: momentum must be finite and not negative (momentum -1)");
  EXPECT_EQ(sgd_error({.lr = 0.1, .weight_decay = -1}),
            "SGD: weight_decay must be finite and not negative (weight_decay -1)");
  EXPECT_EQ(sgd_error({.lr = 0.1, .nesterov = true}),
            "SGD: nesterov needs momentum and no dampening (momentum 0, dampening 0)");
  EXPECT_EQ(sgd_error({.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .nesterov = true}),
            "SGD: nesterov needs momentum and no dampening (momentum 0.9, dampening 0.5)");
  EXPECT_EQ(adam_error({.beta1 = 1.0}), "AdamW: beta1 must be in [0, 1) (beta1 1)");
  EXPECT_EQ(adam_error({.beta2 = -0.5}), "AdamW: beta2 must be in [0, 1) (beta2 -0.5)");
  EXPECT_EQ(adam_error({.eps = -1}), "AdamW: eps must be finite and not negative (eps -1)");
  SGD sgd(group_of({{"p", p}}), {.lr = 0.1});
  EXPECT_EQ(error_text([&] { sgd.set_lr(-1); }), "SGD: lr must be finite and not negative (lr -1)");
  EXPECT_EQ(error_text([&] { clip_grad_norm({&p, 1}, 0); }), "clip_grad_norm: max_norm must be positive (max_norm 0)");
  EXPECT_EQ(error_text([&] { clip_grad_value({&p, 1}, -1); }), "clip_grad_value: limit must be positive (limit -1)");
}

TEST(Optimizers, RefuseParametersThatAreTwiceOrNone) {
  const Tensor p = vector({1.0F}), q = vector({1.0F});
  EXPECT_EQ(error_text([&] { SGD(group_of({}), {.lr = 0.1}); }), "SGD: there are no parameters");
  EXPECT_EQ(error_text([&] {
              SGD(group_of({{"p", p}, {"q", p}}), {.lr = 0.1});
            }),
            "SGD: the parameter \"q\" is there twice");
  EXPECT_EQ(error_text([&] {
              SGD(group_of({{"p", p}, {"p", q}}), {.lr = 0.1});
            }),
            "SGD: the parameter \"p\" is there twice");
  EXPECT_EQ(error_text([&] {
              SGD(group_of({{"p", Tensor()}}), {.lr = 0.1});
            }),
            "SGD: the parameter \"p\" is undefined");
}

}  // namespace
}  // namespace octet
