// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/lost_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/autograd/ops.h"
#include "octet/nn/layers.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Returns what "main" makes of the trunk, and keeps what others make of it.
class Heads final : public Module {
 public:
  explicit Heads(Rng& rng)
      : main_(add<Linear>("main", {.in_features = 3, .out_features = 2}, rng)),
        kept_(add<Linear>("kept", {.in_features = 3, .out_features = 2}, rng)),
        in_training_(add<Linear>("in_training", {.in_features = 3, .out_features = 1}, rng)),
        shared_(add(std::string("shared"), tied(main_.module()))) {
    add<Linear>("unused", {.in_features = 3, .out_features = 1}, rng);
  }
  Tensor forward(const Tensor& x) override {
    last = kept_(x) + shared_(x);
    if (training()) last = in_training_(x);
    return main_(x);
  }
  Tensor last;

 private:
  static std::unique_ptr<Module> tied(const Module& linear) {
    const auto& l = dynamic_cast<const Linear&>(linear);
    return std::make_unique<Linear>(l.options(), l.weight(), l.bias());
  }
  Child &main_, &kept_, &in_training_, &shared_;
};

class LostParameters : public testing::Test {
 protected:
  std::vector<std::string> lost(std::span<const std::string> whole = {}) {
    net_.train();
    const Graph training = trace(net_, Tensor::zeros({2, 3}));
    net_.eval();
    return lost_parameters(net_, trace(net_, Tensor::zeros({1, 3})), training, whole);
  }
  void freeze(const char* path) {
    for (const NamedTensor& one : net_.at(path).own_parameters()) Tensor(one.tensor).set_requires_grad(false);
  }

  Rng rng_ = Rng(1);
  Heads net_ = Heads(rng_);
};

TEST_F(LostParameters, AreThoseThatTrainAndThatTheOutputDoesNotDependOn) {
  EXPECT_THAT(lost(), ElementsAre("kept.weight", "kept.bias", "in_training.weight", "in_training.bias"));
}

TEST_F(LostParameters, AreNotThoseThatAreFrozen) {
  freeze("kept");
  EXPECT_THAT(lost(), ElementsAre("in_training.weight", "in_training.bias"));
}

TEST_F(LostParameters, AreThoseWithAGradientThoughNoForwardReadsThem) {
  freeze("kept");
  freeze("in_training");
  EXPECT_THAT(lost(), IsEmpty());
  sum(net_.slot("unused")(Tensor::zeros({1, 3}))).backward();
  EXPECT_THAT(lost(), ElementsAre("unused.weight", "unused.bias"));
}

TEST_F(LostParameters, AreNotThoseOfAModuleThatIsThereAsAWhole) {
  Sequential net;
  net.append<Linear>({.in_features = 3, .out_features = 2}, rng_);
  const Tensor x = Tensor::zeros({1, 3});
  const Graph training = trace(net, x);
  Graph evaluation = training;
  for (Node& node : evaluation.nodes) node.inputs[1] = -1;  // a weight that evaluation takes from elsewhere
  EXPECT_THAT(lost_parameters(net, evaluation, training), ElementsAre("0.weight"));
  const std::vector<std::string> whole = {"0"};
  EXPECT_THAT(lost_parameters(net, evaluation, training, whole), IsEmpty());
}

}  // namespace
}  // namespace octet
