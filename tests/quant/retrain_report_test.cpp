// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/retrain_report.h"

#include <gtest/gtest.h>

#include <vector>

namespace octet {
namespace {

TEST(RetrainReport, GivesEveryLayerOneOfThreeFates) {
  const std::vector<QuantizableLayer> layers = {
      {.name = "a", .type = "Conv2d", .in_channels = 17},
      {.name = "b", .type = "Conv2d", .in_channels = 16},
      {.name = "c", .type = "Linear", .in_channels = 4},
      {.name = "d", .type = "Conv2d", .in_channels = 4, .obstacle = "it runs 2 times"}};
  QuantRetrainConfig config;
  for (const QuantizableLayer& layer : layers)
    config.layers.push_back({.name = layer.name, .retrain_enable = layer.name != "c"});
  const QuantRetrainReport report = retrain_report(layers, config);
  ASSERT_EQ(report.layers.size(), 4U);
  EXPECT_TRUE(report.layers[0].quantized);
  EXPECT_TRUE(report.layers[1].quantized);
  EXPECT_EQ(report.layers[1].reason, "");
  EXPECT_EQ(report.layers[2].reason, "the configuration skips it");
  EXPECT_EQ(report.layers[3].reason, "it runs 2 times");
  EXPECT_EQ(report.warnings,
            std::vector<std::string>{"b: quantizing a layer with 16 input channels is not recommended (16 or fewer)"});
}

}  // namespace
}  // namespace octet
