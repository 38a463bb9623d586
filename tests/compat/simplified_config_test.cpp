// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/simplified_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;
using testing::AllOf;
using testing::HasSubstr;
using testing::Lt;
using testing::SizeIs;
using testing::StartsWith;

const std::vector<QuantizableLayer> kLayers = {
    {.name = "conv1", .type = "Conv2d", .in_channels = 3},
    {.name = "conv2", .type = "Conv2d", .in_channels = 16, .groups = 2},
    {.name = "reused", .type = "Conv2d", .in_channels = 16, .obstacle = "it runs 2 times"},
    {.name = "up", .type = "ConvTranspose2d", .in_channels = 16},
    {.name = "fc", .type = "Linear", .in_channels = 8}};

QuantRetrainConfig applied(const SimplifiedConfig& config) {
  std::vector<std::string> warnings;
  return apply_simplified_config(config, kLayers, warnings);
}
std::string error_of(const std::string& text) {
  return error_text([&] { applied(parse_quant_cfg(text, "quant.cfg")); });
}
std::string yaml_error(const std::string& text) {
  return error_text([&] { applied(parse_quant_yaml(text, "quant.yaml")); });
}

constexpr const char* kText = R"(
batch_num: 5
fakequant_precision_mode: FORCE_FP16_QUANT
retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 6 clip_min: -0.1 } fixed_min: true } }
retrain_weight_quant_config { ulq_retrain { channel_wise: false } }
skip_layers: [ "conv1", 'up' ]
quant_skip_types: "Linear"
override_layer_configs { layer_name: "conv1" retrain_data_quant_config { ulq_quantize { dst_type: INT16 } } }
override_layer_types { layer_type: "Linear" retrain_weight_quant_config { arq_retrain {} } }
)";
constexpr const char* kYaml = R"(
batch_num: 5
fakequant_precision_mode: FORCE_FP16_QUANT
retrain_data_quant_config: {ulq_quantize: {clip_max_min: {clip_max: 6, clip_min: -0.1}, fixed_min: true}}
retrain_weight_quant_config: {ulq_retrain: {channel_wise: false}}
skip_layers: [conv1, up]
quant_skip_types: [Linear]
override_layer_configs:
  - layer_name: conv1
    retrain_data_quant_config: {ulq_quantize: {dst_type: INT16}}
override_layer_types:
  - layer_type: Linear
    retrain_weight_quant_config: {arq_retrain: {}}
)";

TEST(SimplifiedConfig, SaysTheSameInBothForms) {
  const QuantRetrainConfig from_text = applied(parse_quant_cfg(kText, "a")),
                           from_yaml = applied(parse_quant_yaml(kYaml, "b"));
  EXPECT_EQ(from_text, from_yaml);
  ASSERT_EQ(from_text.layers.size(), 4U);
  EXPECT_EQ(from_text.batch_num, 5);
  EXPECT_TRUE(from_text.force_fp16_quant);
  const LayerRetrainConfig conv1{.name = "conv1", .data = {.dst_type = DstType::kInt16}};
  const LayerRetrainConfig conv2{.name = "conv2",
                                 .data = {.clip_max = 6.0F, .clip_min = -0.1F, .fixed_min = true},
                                 .weight = {.algo = WeightsRetrainAlgo::kUlqRetrain, .channel_wise = false}};
  EXPECT_EQ(from_text.layers[0], conv1);  // the override inherits nothing, and enables what a list skips
  EXPECT_EQ(from_text.layers[1], conv2);
  EXPECT_FALSE(from_text.layers[2].retrain_enable);
  EXPECT_TRUE(from_text.layers[3].retrain_enable);
  EXPECT_FALSE(from_text.layers[3].weight.channel_wise);
}

TEST(SimplifiedConfig, IsYamlInFilesOfThatName) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "simplified_config";
  std::filesystem::create_directories(folder);
  for (const auto& [name, text] : {std::pair("a.cfg", kText), std::pair("a.yaml", kYaml), std::pair("a.yml", kYaml)}) {
    write_file_atomically(folder / name, text);
    EXPECT_EQ(read_simplified_config(folder / name).batch_num, 5) << name;
  }
  std::filesystem::remove_all(folder);
}

TEST(SimplifiedConfig, IsEmptyWithoutText) {
  EXPECT_EQ(applied(parse_quant_cfg("", "a")), applied(parse_quant_yaml("", "a")));
  EXPECT_EQ(applied(parse_quant_cfg("# nothing", "a")).layers.size(), 4U);
}

TEST(SimplifiedConfig, NamesFileLineNameAndTheNearestOne) {
  EXPECT_EQ(
      error_of("batch_num: 1\noverride_layer_configs {\n\tlayer_name: \"conv3\"\n  retrain_weight_quant_config {} }"),
      "quant.cfg:3:2: override_layer_configs: there is no layer \"conv3\" that can be quantized; did you mean "
      "\"conv1\"?");
  EXPECT_EQ(error_of("skip_layers: \"conv1\"\nskip_layers: \"conv22\""),
            "quant.cfg:2:1: skip_layers: there is no layer \"conv22\" that can be quantized; did you mean \"conv2\"?");
  EXPECT_EQ(error_of("quant_skip_layers: [\"conv1\", \"reused\"]"),
            "quant.cfg:1:30: quant_skip_layers: the layer \"reused\" cannot be quantized: it runs 2 times");
  EXPECT_EQ(error_of("skip_layers: 'up' skip_layers: [ # [\n\t'conv1', 'x,' ] skip_layers: 'fc'"),
            "quant.cfg:2:11: skip_layers: there is no layer \"x,\" that can be quantized");
  EXPECT_EQ(error_of("override_layer_configs: [{ layer_name: 'up' },\n { retrain_data_quant_config {} }]"),
            "quant.cfg:2:2: override_layer_configs: there is no layer \"\" that can be quantized");
  EXPECT_EQ(error_of("skip_layer_types: \"conv2D\""),
            "quant.cfg:1:1: skip_layer_types: \"conv2D\" is no layer type that can be quantized; did you mean "
            "\"Conv2d\"?");
  EXPECT_EQ(error_of("override_layer_types { layer_type: \"MaxPool2d\" }"),
            "quant.cfg:1:24: override_layer_types: \"MaxPool2d\" is no layer type that can be quantized; there are "
            "Conv1d, Conv2d, Conv3d, Linear, ConvTranspose1d, ConvTranspose2d, LSTM, GRU");
  EXPECT_EQ(yaml_error("override_layer_configs:\n  - layer_name: cov1\n    retrain_data_quant_config: {}\n"),
            "quant.yaml:2:17: override_layer_configs: there is no layer \"cov1\" that can be quantized; did you mean "
            "\"conv1\"?");
}

TEST(SimplifiedConfig, RefusesWhatIsNotOfItsForm) {
  EXPECT_THAT(error_of("batch_nun: 1"), AllOf(StartsWith("quant.cfg:1:10: "), HasSubstr("\"batch_nun\"")));
  EXPECT_THAT(error_of("\n  batch_num: -1"), StartsWith("quant.cfg:2:14: "));
  EXPECT_THAT(error_of(std::string(100'000, 'a') + ": 1"), SizeIs(Lt(300U)));
  EXPECT_EQ(error_of("batch_num: 3\nbatch_num: 0"),
            "quant.cfg:1:1: batch_num: has to be at least 1 and at most "
            "4294967295 but is 0");
  EXPECT_EQ(error_of("retrain_data_quant_config { ulq_quantize { dst_type: 8 } }"),
            "quant.cfg:1:44: dst_type: expected a name, got a number");
  EXPECT_EQ(error_of("retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 1 clip_min: inf } } }"),
            "quant.cfg:1:71: retrain_data_quant_config.ulq_quantize.clip_max_min.clip_min: expected a finite number, "
            "got the real inf");
  EXPECT_EQ(error_of("retrain_data_quant_config { ulq_quantize { clip_max_min { clip_max: 3e38 clip_min: -3e38 } } }"),
            "quant.cfg:1:59: retrain_data_quant_config.ulq_quantize.clip_max_min.clip_max: clip_max - clip_min has to "
            "be finite");
  EXPECT_EQ(error_of("\nprune_config {}"),
            "quant.cfg:2:1: prune_config: pruning has no place in a configuration for quantization");
  EXPECT_EQ(yaml_error("skip_layers: conv1"),
            "quant.yaml:1:14: skip_layers: expected a list, got the string \"conv1\"");
  EXPECT_EQ(yaml_error("retrain_weight_quant_config: {ulq_retrain: }"),
            "quant.yaml:1:44: ulq_retrain: the value is missing; write {} for defaults");
  EXPECT_EQ(yaml_error("retrain_weight_quant_config: {ulq_retrain: {}, arq_retrain: {}}"),
            "quant.yaml:1:61: retrain_weight_quant_config.arq_retrain: excludes ulq_retrain");
  EXPECT_EQ(yaml_error("skip_layer: [conv1]"),
            "quant.yaml:1:1: unknown key \"skip_layer\"; did you mean \"skip_layers\"?");
  EXPECT_EQ(yaml_error("retrain_data_quant_config: {ulq_quantize: {clip_max_min: {clip_max: 1e-60, clip_min: -1}}}"),
            "quant.yaml:1:69: retrain_data_quant_config.ulq_quantize.clip_max_min.clip_max: is beyond the range of "
            "float32");
  EXPECT_EQ(yaml_error("prune_config: 1"),
            "quant.yaml:1:15: prune_config: pruning has no place in a configuration for "
            "quantization");
}

TEST(SimplifiedConfig, NamesTheLinearLayerThatHasOneScale) {
  EXPECT_EQ(error_of("retrain_weight_quant_config { arq_retrain { channel_wise: true } }"),
            "quant.cfg:1:45: channel_wise: true reaches \"fc\", but a Linear layer has one scale for its weight; give "
            "Linear an entry in override_layer_types with channel_wise false");
  const QuantRetrainConfig skipped = applied(parse_quant_cfg(
      "retrain_weight_quant_config { arq_retrain { channel_wise: true } } skip_layer_types: 'Linear'", "quant.cfg"));
  EXPECT_FALSE(skipped.layers.back().weight.channel_wise);
}

TEST(SimplifiedConfig, WarnsOfNamesThatAreThereTwiceAndOfWeightsThatCannotHaveFourBits) {
  std::vector<std::string> warnings;
  const SimplifiedConfig config = parse_quant_cfg(
      "skip_layers: 'up'\nskip_layers: 'up'\nretrain_weight_quant_config { arq_retrain { dst_type: INT4 } }",
      "quant.cfg");
  const QuantRetrainConfig full = apply_simplified_config(config, kLayers, warnings);
  EXPECT_EQ(full.layers[0].weight.dst_type, DstType::kInt8);
  EXPECT_EQ(full.layers[3].weight.dst_type, DstType::kInt4);
  const std::vector<std::string> expected = {
      "quant.cfg:2:1: skip_layers: \"up\" is there twice",
      "conv1: INT4 weights become INT8, because its number of input channels is odd",
      "conv2: INT4 weights become INT8, because the layer has groups"};
  EXPECT_EQ(warnings, expected);
}

}  // namespace
}  // namespace octet
