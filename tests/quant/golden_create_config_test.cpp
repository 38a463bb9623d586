// SPDX-License-Identifier: Apache-2.0
// Configuration files against the reference implementation's: which layers, which text, which mistakes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/quant_retrain_config.h"
#include "support/error_text.h"
#include "support/golden_model.h"
#include "support/golden_vectors.h"

namespace octet {
namespace {

using test::error_text;
using test::Golden;
using test::GoldenJson;
using test::GoldenModel;
using test::GoldenReport;

// What a message of each of the reference's error categories says here, one or the other.
const std::map<std::string, std::vector<std::string>> kRules = {
    {"no_supported_layer", {"no layer that can be quantized"}},
    {"already_quantised", {"the model is quantized already"}},
    {"batch_num", {"batch_num"}},
    {"linear_channel_wise", {"a Linear layer has one scale for its weight"}},
    {"clip_incomplete", {"clip_max and clip_min need each other"}},
    {"clip_max_sign", {"clip_max: has to be above 0"}},
    {"clip_min_sign", {"clip_min: has to be below 0"}},
    {"activation_int4", {"activations have to be INT8 or INT16"}},
    {"activation_weight_width_combination", {"no kernel has"}},
    {"all_layers_disabled", {"nothing would be quantized"}},
    {"unknown_skip_layer", {": skip_layers: the"}},
    {"unknown_quant_skip_layer", {": quant_skip_layers: the"}},
    {"unsupported_skip_type", {": skip_layer_types: "}},
    {"unsupported_quant_skip_type", {": quant_skip_types: "}},
    {"unknown_override_layer", {": override_layer_configs: the"}},
    {"unsupported_override_type", {": override_layer_types: "}},
    {"repeated_override", {"is overridden twice"}},
    {"pruning_field_not_expected", {"pruning has no place"}},
    {"missing_version", {"missing key \"version\""}},
    {"version", {"version: "}},
    {"unknown_layer", {"there is no layer"}},
    {"layer_not_object", {"expected an object"}},
    {"retrain_enable_type", {"retrain_enable: expected true or false"}},
    {"data_algo", {"retrain_data_config.algo: expected one of"}},
    {"weight_algo", {"retrain_weight_config.algo: expected one of"}},
    {"clip_type", {"expected a real number"}},
    {"fixed_min_type", {"fixed_min: expected true or false"}},
    {"channel_wise_type", {"channel_wise: expected true or false"}},
    {"unsupported_dst_type", {"dst_type: expected one of"}},
    {"extra_weight_key", {".retrain_weight_config"}},
    {"duplicate_key", {"duplicate key"}},
    {"text_format_syntax_or_unknown_field_or_bad_value",
     {"Expected ", "Unknown enumeration value", "has no field named", "Invalid ", "out of range", "multiple times"}},
    {"json_syntax", {"syntax error while parsing"}},
    {"extra_data_key_or_incomplete_clip", {".retrain_data_config", "need each other"}},
    {"fakequant_precision_mode", {"fakequant_precision_mode: expected one of"}},
};

void expect_category(const std::string& message, const Golden& wanted) {
  const std::string about = wanted.at("error_about").get<std::string>();
  EXPECT_FALSE(wanted.at("error").get<std::string>().empty());
  EXPECT_NE(message, "no error") << about;
  ASSERT_TRUE(kRules.contains(about)) << "no rule for " << about << "; the message is " << message;
  EXPECT_TRUE(std::ranges::any_of(kRules.at(about),
                                  [&](const std::string& rule) { return message.find(rule) != std::string::npos; }))
      << about << ": " << message;
}

// Tests run side by side.
std::filesystem::path folder() {
  return std::filesystem::path(testing::TempDir()) / ("golden_create_config_" + std::to_string(getpid()));
}

// Runs the case and gives the text of the file, or the error.
struct Created {
  std::string error, text;
  QuantRetrainReport report;
};

Created create(Module& model, const Tensor& input, const std::optional<std::string>& quant_cfg = {}) {
  std::filesystem::remove_all(folder());
  Created created;
  const std::filesystem::path file = folder() / "made" / "config.json", definition = folder() / "quant.cfg";
  if (quant_cfg) {
    std::filesystem::create_directories(folder());
    write_file_atomically(definition, *quant_cfg);
  }
  created.error = error_text([&] {
    created.report = create_quant_retrain_config(
        file, model, input, quant_cfg ? std::optional<std::filesystem::path>(definition) : std::nullopt);
  });
  if (created.error == "no error") created.text = read_file(file, 1 << 20);
  return created;
}

// The layers under two names, of those that the reference quantizes.
std::vector<std::string> dropped_layers(const GoldenJson& description, const Golden& wanted) {
  std::vector<std::string> dropped = test::aliased_layers(description);
  const auto quantized = wanted.at("expected_layers").get<std::vector<std::string>>();
  std::erase_if(dropped, [&](const std::string& name) { return std::ranges::count(quantized, name) == 0; });
  return dropped;
}

// What the training model that the configuration makes has for every layer.
std::map<std::string, bool> fixed_min_of(const std::string& config, Module& model, const Tensor& input) {
  std::map<std::string, bool> fixed_min;
  const QuantRetrainModel made = quant_retrain_model(config, "config.json", model, input, {.deployable = false});
  made.module->visit([&](const std::string& path, Module& module) {
    if (const auto* const qat = dynamic_cast<const QatModule*>(&module))
      fixed_min[path] = qat->config().retrain_data_config.fixed_min;
  });
  return fixed_min;
}

// Compares what was created; `dropped` layers are in the reference's configuration alone.
void expect_created(const Created& ours, const Golden& wanted, const std::vector<std::string>& dropped) {
  ASSERT_EQ(ours.error, "no error");
  std::vector<std::string> quantized;
  for (const auto& layer : ours.report.layers) {
    EXPECT_EQ(layer.quantized, layer.reason.empty()) << layer.name;
    if (layer.quantized) quantized.push_back(layer.name);
  }
  auto layers = wanted.at("expected_layers").get<std::vector<std::string>>();
  const std::string expected = wanted.at("expected_text").get<std::string>();
  if (dropped.empty()) {
    EXPECT_EQ(ours.text, expected);
  } else {
    GoldenJson without = GoldenJson::parse(expected);
    for (const std::string& name : dropped) {
      EXPECT_EQ(without.erase(name), 1U);
      std::erase(layers, name);
    }
    EXPECT_EQ(GoldenJson::parse(ours.text).dump(), without.dump());
  }
  EXPECT_EQ(quantized, layers);
}

void check_model(GoldenReport& report, const Golden& wanted) {
  const GoldenJson& description = wanted.at("model").whole();
  try {
    GoldenModel model(description);
    const Tensor input = GoldenModel::input(description);
    const Created ours = create(model, input);
    if (wanted.contains("error")) {
      const bool refused_by_op = ours.error.find(": conv2d: ") != std::string::npos ||
                                 ours.error.find(": conv_transpose2d: ") != std::string::npos;
      if (!refused_by_op) return expect_category(ours.error, wanted);
      EXPECT_EQ(wanted.at("error_about").get<std::string>(), "no_supported_layer");
      wanted.at("error").whole();
      return report.except("unbatched");
    }
    const std::vector<std::string> dropped = dropped_layers(description, wanted);
    if (!dropped.empty()) report.except("two names");
    expect_created(ours, wanted, dropped);
    auto fixed_min = wanted.at("expected_fixed_min").get<std::map<std::string, bool>>();
    for (const std::string& name : dropped) fixed_min.erase(name);
    EXPECT_EQ(fixed_min_of(ours.text, model, input), fixed_min);
  } catch (const test::NoSuchLayer& missing) {
    report.except("no such layer", missing.what());
  }
}

TEST(QuantGolden, ConfigurationsOfModels) {
  GoldenReport report("create_config_models.json");
  report.each("cases", [&](const Golden& wanted) { check_model(report, wanted); });
}

TEST(QuantGolden, SimplifiedConfigurations) {
  GoldenReport report("create_config_quant_cfg.json");
  const GoldenJson& description = report.at("model").whole();
  GoldenModel model(description);
  report.each("cases", [&](const Golden& wanted) {
    const Created ours = create(model, GoldenModel::input(description), wanted.at("quant_cfg").get<std::string>());
    if (!wanted.contains("error")) {
      EXPECT_EQ(ours.text, wanted.at("expected_text").get<std::string>()) << ours.error;
      return;
    }
    bool linear_enabled = false;
    for (const auto& layer : ours.report.layers) linear_enabled |= layer.type == "Linear" && layer.quantized;
    if (ours.error == "no error" && !linear_enabled) {
      EXPECT_EQ(wanted.at("error_about").get<std::string>(), "linear_channel_wise");
      wanted.at("error").whole();
      return report.except("linear channels");
    }
    expect_category(ours.error, wanted);
    EXPECT_NE(ours.error.find("quant.cfg:"), std::string::npos) << "no position: " << ours.error;
  });
}

// As the reference has it in memory: true is the integer 1.
GoldenJson effective(const std::string& text) {
  GoldenJson config = GoldenJson::parse(text);
  if (config["batch_num"].is_boolean()) config["batch_num"] = static_cast<int>(config["batch_num"].get<bool>());
  return config;
}

TEST(QuantGolden, ConfigurationFiles) {
  GoldenReport report("retrain_config_json.json");
  const GoldenJson& description = report.at("model").whole();
  GoldenModel model(description);
  const Tensor input = GoldenModel::input(description);
  const auto layers = find_quantizable_layers(model, trace(model, input));
  EXPECT_EQ(create(model, input).text, report.at("base_text").get<std::string>());
  report.each("cases", [&](const Golden& wanted) {
    QuantRetrainConfig config;
    const std::string error = error_text(
        [&] { config = parse_quant_retrain_config(wanted.at("config_text").get<std::string>(), "file.json", layers); });
    if (wanted.contains("error")) {
      expect_category(error, wanted);
      EXPECT_EQ(error.find("file.json:"), 0U) << "no position: " << error;
    } else {
      EXPECT_EQ(error, "no error");
      EXPECT_EQ(effective(to_json_text(config)).dump(), effective(wanted.at("expected").whole().dump()).dump());
    }
  });
}

}  // namespace
}  // namespace octet
