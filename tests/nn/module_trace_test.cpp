// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/module.h"
#include "octet/nn/state.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

std::unique_ptr<Module> make_net() {
  Rng rng(1);
  return make_model("resnet8", {.in_channels = 1, .num_classes = 4}, rng);
}

TEST(Trace, NamesEveryOpItsModuleAndItsParameters) {
  const auto net = make_net();
  const Graph graph = trace(*net, Tensor::zeros({2, 1, 8, 8}));
  const Node& first = graph.nodes.at(0);
  EXPECT_EQ(first.op, "conv2d");
  EXPECT_EQ(first.module, "conv1");
  EXPECT_EQ(graph.values.at(static_cast<std::size_t>(first.inputs.at(0))).name, "input");
  EXPECT_EQ(graph.values.at(static_cast<std::size_t>(first.inputs.at(1))).name, "conv1.weight");

  std::vector<std::string> convolutions;
  for (const Node& node : graph.nodes)
    if (node.op == "conv2d") convolutions.push_back(node.module);
  EXPECT_EQ(convolutions, (std::vector<std::string>{"conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1",
                                                    "layer2.0.conv2", "layer2.0.downsample.0", "layer3.0.conv1",
                                                    "layer3.0.conv2", "layer3.0.downsample.0"}));
  EXPECT_EQ(graph.values.at(static_cast<std::size_t>(graph.outputs.at(0))).shape, (Shape{2, 4}));
}

TEST(Trace, LeavesModeStatisticsCountersAndTheTapeAsTheyWere) {
  const auto net = make_net();
  const std::unique_ptr<Module> before = net->clone();
  trace(*net, Tensor::full({2, 1, 8, 8}, 3.0F));
  EXPECT_TRUE(net->training());
  EXPECT_TRUE(grad_enabled());
  const auto now = named_state(*net), then = named_state(*before);
  ASSERT_EQ(now.size(), then.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    EXPECT_TRUE(test::same_bits(now[i].tensor, then[i].tensor)) << now[i].name;
    EXPECT_EQ(now[i].counter ? *now[i].counter : 0, then[i].counter ? *then[i].counter : 0) << now[i].name;
  }
}

TEST(Trace, LeavesStatisticsAsTheyWereAfterAFailure) {
  Rng rng(1);
  Sequential net;
  net.append<BatchNorm2d>({.features = 1}).append<Conv2d>({.in_channels = 1, .out_channels = 1, .kernel_size = 5}, rng);
  EXPECT_NE(test::error_text([&] { trace(net, Tensor::full({2, 1, 4, 4}, 3.0F)); }), "no error");
  EXPECT_EQ(net.named_buffers().at(0).tensor.values()[0], 0.0F);
  EXPECT_EQ(*net.named_counters().at(0).value, 0);
  EXPECT_EQ(trace(net, Tensor::full({2, 1, 5, 5}, 3.0F)).nodes.size(), 2u) << "a later trace works";
}

TEST(Trace, DropoutDrawsTheSameMaskAfterwards) {
  Rng a(4), b(4);
  Dropout traced({.p = 0.5F}, a), untouched({.p = 0.5F}, b);
  const Tensor x = Tensor::full({64}, 1.0F);
  trace(traced, x);
  EXPECT_TRUE(test::same_bits(traced(x), untouched(x)));
}

TEST(Trace, CountsTheCallsOfAReusedModule) {
  class Twice final : public Module {
   public:
    Twice() : act_(add<Sigmoid>("act")) {}
    Tensor forward(const Tensor& x) override { return act_(act_(x)); }

   private:
    Child& act_;
  };
  Twice net;
  const Graph graph = trace(net, Tensor::zeros({3}));
  EXPECT_EQ(graph.nodes.at(0).call, 0);
  EXPECT_EQ(graph.nodes.at(1).call, 1);
  EXPECT_EQ(graph.nodes.at(1).module, "act");
}

}  // namespace
}  // namespace octet
