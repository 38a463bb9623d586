// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/quant_retrain_config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

const std::vector<QuantizableLayer> kLayers = {
    {.name = "conv1", .type = "Conv2d", .in_channels = 3},
    {.name = "unused", .type = "Conv2d", .in_channels = 3, .obstacle = "it does not run for this input"},
    {.name = "fc", .type = "Linear", .in_channels = 8}};

std::string error_of(const std::string& text) {
  return error_text([&] { parse_quant_retrain_config(text, "c.json", kLayers); });
}
std::string with(const std::string& rest) { return "{\"version\":1,\n \"batch_num\":1,\n " + rest + "}"; }

TEST(QuantRetrainConfig, ReadsWhatItWrites) {
  const QuantRetrainConfig config{
      .batch_num = 3,
      .force_fp16_quant = true,
      .layers = {{.name = "fc", .weight = {.channel_wise = false, .dst_type = DstType::kInt4}},
                 {.name = "conv1",
                  .retrain_enable = false,
                  .data = {.dst_type = DstType::kInt16, .clip_max = 0.1F, .clip_min = -1e-7F, .fixed_min = false},
                  .weight = {.algo = WeightsRetrainAlgo::kUlqRetrain}}}};
  EXPECT_EQ(parse_quant_retrain_config(to_json_text(config), "c.json", kLayers), config);
}

TEST(QuantRetrainConfig, AppendsMissingLayersDisabled) {
  const QuantRetrainConfig config = parse_quant_retrain_config(with("\"fc\":{}"), "c.json", kLayers);
  ASSERT_EQ(config.layers.size(), 2U);
  EXPECT_EQ(config.layers[0].name, "fc");
  EXPECT_TRUE(config.layers[0].retrain_enable);
  EXPECT_EQ(config.layers[1].name, "conv1");
  EXPECT_FALSE(config.layers[1].retrain_enable);
}

TEST(QuantRetrainConfig, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(error_of("[]"), "c.json:1:1: configuration: expected an object, got a list");
  EXPECT_EQ(error_of("{}"), "c.json:1:1: missing key \"version\"");
  EXPECT_EQ(
      error_of("{\"version\":2}"),
      "c.json:1:12: version: is 2, which a newer Octet wrote; this one knows 1 at most: update Octet to read the file");
  EXPECT_EQ(error_of("{\"version\":1,\"batch_num\":false}"), "c.json:1:26: batch_num: has to be at least 1 but is 0");
  EXPECT_EQ(error_of(with("\"conv2\":{}")),
            "c.json:3:2: there is no layer \"conv2\" that can be quantized; did you mean \"conv1\"?");
  EXPECT_EQ(error_of(with("\"unused\":{}")),
            "c.json:3:2: the layer \"unused\" cannot be quantized: it does not run for this input");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_data_config\":null}")),
            "c.json:3:30: fc.retrain_data_config: expected a value, got null");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_data_config\":{\"clip_mx\":1.0}}")),
            "c.json:3:31: unknown key \"clip_mx\" in fc.retrain_data_config; did you mean \"clip_max\"?");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_data_config\":{\"clip_max\":1e39,\"clip_min\":-1.0}}")),
            "c.json:3:42: fc.retrain_data_config.clip_max: has to be finite");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_data_config\":{\"dst_type\":\"INT16\"},\"retrain_weight_config\":"
                          "{\"dst_type\":\"INT4\"}}")),
            "c.json:3:87: fc.retrain_weight_config.dst_type: no kernel has INT16 activations and INT4 weights");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_weight_config\":{\"channel_wise\":true}}")),
            "c.json:3:48: fc.retrain_weight_config.channel_wise: a Linear layer has one scale for its weight: has to "
            "be false");
  EXPECT_EQ(error_of(with("\"fc\":{\"retrain_enable\":false}")),
            "c.json:1:1: no layer is enabled: nothing would be quantized");
  EXPECT_EQ(error_of(with("\"fc\":{\"regular_prune_enable\":true}")),
            "c.json:3:8: fc.regular_prune_enable: pruning has no place in this configuration");
}

}  // namespace
}  // namespace octet
