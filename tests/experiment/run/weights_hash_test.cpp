// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/weights_hash.h"

#include <gtest/gtest.h>

#include "octet/base/rng.h"
#include "octet/nn/models.h"

namespace octet {
namespace {

std::unique_ptr<Module> network(std::uint64_t seed, const ModelOptions& options = {}) {
  Rng rng(seed);
  return make_model("resnet8", options, rng);
}

TEST(WeightsHash, IsTheSameForTheSameWeights) {
  EXPECT_EQ(weights_hash(*network(1)), weights_hash(*network(1)));
  EXPECT_EQ(weights_hash(*network(1)).size(), 64U);
}

TEST(WeightsHash, SeesParametersBuffersAndCounters) {
  const auto net = network(1);
  const std::string before = weights_hash(*net);
  EXPECT_NE(weights_hash(*network(2)), before);

  Tensor weight = net->named_parameters().back().tensor;
  const float value = weight.values()[0];
  weight.mutable_values()[0] = value + 1;
  EXPECT_NE(weights_hash(*net), before);
  weight.mutable_values()[0] = value;

  Tensor mean = net->named_buffers().front().tensor;
  mean.mutable_values()[0] = -0.0F;  // equal to 0, but not the same bits
  EXPECT_NE(weights_hash(*net), before);
  mean.mutable_values()[0] = 0.0F;

  EXPECT_EQ(weights_hash(*net), before);
  ++*net->named_counters().front().value;
  EXPECT_NE(weights_hash(*net), before);
}

}  // namespace
}  // namespace octet
