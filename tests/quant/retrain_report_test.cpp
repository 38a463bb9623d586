// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/retrain_report.h"

#include <gtest/gtest.h>

#include <vector>

namespace octet {
namespace {

TEST(RetrainReport, GivesEveryLayerOneOfThreeFates) {
  const std::vector<QuantizableLayer> layers = {{.name = "a", .type = "Conv2d", .in_channels = 17},
                                                {.name = "b", .type = "Conv2d", .in_channels = 3},
                                                {.name = "c", .type = "Linear"},
                                                {.name = "d", .type = "Conv2d", .obstacle = "it runs 2 times"}};
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
  EXPECT_TRUE(report.warnings.empty()) << "few channels are the concern of another machine";
}

}  // namespace
}  // namespace octet
