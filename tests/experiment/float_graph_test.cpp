// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/float_graph.h"

#include <gtest/gtest.h>

#include "octet/autograd/tape.h"
#include "octet/deploy/model.h"
#include "octet/graph/onnx_writer.h"
#include "octet/nn/models.h"

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

}  // namespace
}  // namespace octet::detail
