// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/float_graph.h"

#include <gtest/gtest.h>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/deploy/model.h"
#include "octet/graph/onnx_writer.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "support/error_text.h"

namespace octet::detail {
namespace {

TEST(FloatGraph, ComputesWhatEvaluationComputesWithItsBatchNormsFolded) {
  Rng rng(3);
  const auto net = make_model("resnet8", {.in_channels = 1, .num_classes = 3}, rng);
  Tensor x = Tensor::empty({8, 1, 12, 12});
  for (float& value : x.mutable_values()) value = rng.uniform();
  const NoGrad no_grad;
  for (int i = 0; i < 4; ++i) (*net)(x);  // running statistics of its own
  net->eval();
  const std::vector<float> expected = (*net)(x).to_vector();

  const Graph graph = float_graph(*net, {1, 12, 12});
  for (const Node& node : graph.nodes) EXPECT_NE(node.op, "batch_norm");
  const std::vector<float> actual = deploy::Model::parse(write_onnx(graph), "float").run(x.to_vector(), x.dim(0));
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-4F);
}

class KeepsAHead final : public Module {
 public:
  explicit KeepsAHead(Rng& rng)
      : main_(add<Linear>("main", {.in_features = 4, .out_features = 2}, rng)),
        aux_(add<Linear>("aux", {.in_features = 4, .out_features = 3}, rng)) {}
  Tensor forward(const Tensor& x) override {
    const Tensor rows = flatten(x);
    if (training()) kept_ = aux_(rows);
    return main_(rows);
  }

 private:
  Child &main_, &aux_;
  Tensor kept_;
};

TEST(FloatGraph, RefusesTrainedParametersThatItWouldLack) {
  Rng rng(3);
  KeepsAHead net(rng);
  EXPECT_EQ(test::error_text([&] {
              float_graph(net, {1, 2, 2});
            })
                .find("the output does not depend on trained "
                      "parameters, so that the file would lack them: "
                      "aux.weight, aux.bias (return from forward()"),
            0U);
  for (const NamedTensor& one : net.at("aux").own_parameters()) Tensor(one.tensor).set_requires_grad(false);
  EXPECT_EQ(float_graph(net, {1, 2, 2}).nodes.size(), 2U);
}

}  // namespace
}  // namespace octet::detail
