// SPDX-License-Identifier: Apache-2.0
// Configurations with every kind of damage: each is valid, and then survives being written and read again, or it is
// refused with a position. Damage to bytes finds parsers that break; damage to tokens finds rules that are missing.
#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/rng.h"
#include "octet/compat/quant_record.h"
#include "octet/compat/simplified_config.h"

namespace octet {
namespace {

const std::vector<QuantizableLayer> kLayers = {{.name = "conv1", .type = "Conv2d", .in_channels = 3},
                                               {.name = "conv2", .type = "Conv2d", .in_channels = 16, .groups = 2},
                                               {.name = "up", .type = "ConvTranspose2d", .in_channels = 16},
                                               {.name = "fc", .type = "Linear", .in_channels = 8}};
const std::vector<std::string> kNames = {"conv1", "conv2", "up", "fc"};

constexpr const char* kText = R"(# sample
batch_num: 5
retrain_data_quant_config: { ulq_quantize { clip_max_min { clip_max: 6.0 clip_min: -0.5 } fixed_min: true dst_type: INT8 } }
retrain_weight_quant_config < ulq_retrain < channel_wise: false dst_type: INT8 > >
skip_layers: [ "conv1", 'up' ] quant_skip_types: "Linear"
override_layer_configs { layer_name: "conv1" retrain_data_quant_config { ulq_quantize { dst_type: INT16 } } }
override_layer_types { layer_type: "Linear" retrain_weight_quant_config { arq_retrain { } } }
fakequant_precision_mode: FORCE_FP16_QUANT
)";
constexpr const char* kYaml = R"(# sample
batch_num: 5
retrain_data_quant_config:
  ulq_quantize: {clip_max_min: {clip_max: 6.0, clip_min: -0.5}, fixed_min: true, dst_type: INT8}
retrain_weight_quant_config: {ulq_retrain: {channel_wise: false, dst_type: INT8}}
skip_layers: [conv1, up]
quant_skip_types: [Linear]
override_layer_configs:
  - layer_name: conv1
    retrain_data_quant_config: {ulq_quantize: {dst_type: INT16}}
override_layer_types:
  - {layer_type: Linear, retrain_weight_quant_config: {arq_retrain: {}}}
fakequant_precision_mode: FORCE_FP16_QUANT
)";
constexpr const char* kJson = R"({"version":1,"batch_num":2,"fakequant_precision_mode":"DEFAULT",
 "conv1":{"retrain_enable":true,"retrain_data_config":{"algo":"ulq_quantize","clip_max":0.5,"clip_min":-1e-3,
  "fixed_min":false,"dst_type":"INT8"},"retrain_weight_config":{"algo":"arq_retrain","channel_wise":true,
  "dst_type":"INT4"}},"conv2":{"retrain_enable":false},"up":{},
 "fc":{"retrain_weight_config":{"algo":"ulq_retrain","dst_type":"INT8","channel_wise":false}}})";
constexpr const char* kRecord = R"(record { key: "conv1" value { scale_d: 0.5 offset_d: -3 scale_w: [0.1, 0.2]
 offset_w: 0 offset_w: 0 act_type: "INT8" wts_type: "INT8" } }
record { key: "fc" value { scale_d: 1e-3 offset_d: 40 scale_w: 2 offset_w: 0 act_type: "INT16" skip_fusion: true } }
)";

// What may take the place of a word.
const std::vector<std::string> kWords = {
    "0",         "-1",         "1",        "2",           "1.0",        "-1.0",  "1e39",
    "1e-60",     "nan",        "inf",      "true",        "false",      "null",  "\"\"",
    "\"conv1\"", "\"Conv2d\"", "conv2",    "INT4",        "INT8",       "INT16", "INT99",
    "{",         "}",          "[",        "]",           "<",          ">",     ":",
    ",",         "~",          "fc",       "{}",          "[[[[[[",     "&a",    "*a",
    "!!str",     "---",        "#",        "\xC3\x28",    "4294967296", "up",    "\\",
    "'",         "\"",         "clip_max", "arq_retrain", "\t",         "\n",    "18446744073709551616"};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-'; }

// Start and length of each word and of each other character that is not white.
std::vector<std::pair<std::size_t, std::size_t>> tokens_of(std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> tokens;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    if (is_word(text[i]))
      while (end < text.size() && is_word(text[end])) ++end;
    if (!std::isspace(static_cast<unsigned char>(text[i]))) tokens.emplace_back(i, end - i);
    i = end;
  }
  return tokens;
}

// Every token left out, doubled, and replaced by each word; every prefix; random bytes changed.
std::vector<std::string> mutations_of(const std::string& text) {
  std::vector<std::string> all;
  for (const auto& [start, length] : tokens_of(text)) {
    const std::string token = text.substr(start, length), before = text.substr(0, start),
                      after = text.substr(start + length);
    all.push_back(before + after);
    all.push_back(before + token + ' ' + token + after);
    for (const std::string& word : kWords) all.push_back(before + word + after);
  }
  for (std::size_t length = 0; length < text.size(); ++length) all.push_back(text.substr(0, length));
  Rng rng(11);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = text;
    for (std::uint32_t n = 1 + rng.below(3); n > 0; --n)
      damaged[rng.below(static_cast<std::uint32_t>(damaged.size()))] = static_cast<char>(rng.below(256));
    all.push_back(std::move(damaged));
  }
  return all;
}

void try_all(const std::string& text, const std::function<void(const std::string&)>& read) {
  int valid = 0, refused = 0;
  for (const std::string& mutation : mutations_of(text)) {
    try {
      read(mutation);
      ++valid;
    } catch (const Error& error) {
      ++refused;
      const std::string_view message = error.what();
      const bool has_line = message.starts_with("file:") && std::isdigit(static_cast<unsigned char>(message[5]));
      EXPECT_TRUE(has_line || message.starts_with("file: every layer is disabled")) << message << "\nin " << mutation;
    }
  }
  EXPECT_GT(valid, 50) << "too much is refused to say anything";
  EXPECT_GT(refused, 1000);
}

void expect_same_again(const QuantRetrainConfig& config) {
  EXPECT_EQ(parse_quant_retrain_config(to_json_text(config), "again", kLayers), config);
}

TEST(Mutations, OfTheTextFormAreValidOrRefused) {
  try_all(kText, [](const std::string& text) {
    std::vector<std::string> warnings;
    expect_same_again(apply_simplified_config(parse_quant_cfg(text, "file"), kLayers, warnings));
  });
}

TEST(Mutations, OfYamlAreValidOrRefused) {
  try_all(kYaml, [](const std::string& text) {
    std::vector<std::string> warnings;
    expect_same_again(apply_simplified_config(parse_quant_yaml(text, "file"), kLayers, warnings));
  });
}

TEST(Mutations, OfTheConfigurationFileAreValidOrRefused) {
  try_all(kJson, [](const std::string& text) { expect_same_again(parse_quant_retrain_config(text, "file", kLayers)); });
}

TEST(Mutations, OfTheRecordAreValidOrRefused) {
  try_all(kRecord, [](const std::string& text) {
    const QuantRecord record = parse_record_text(text, "file", kNames);
    EXPECT_EQ(parse_record_text(to_record_text(record), "again", kNames), record);
  });
}

}  // namespace
}  // namespace octet
