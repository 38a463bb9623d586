// SPDX-License-Identifier: Apache-2.0
// Configuration files against the reference implementation's: which layers, which text, which mistakes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/quant/quant_retrain_config.h"
#include "support/error_text.h"
#include "support/golden_model.h"
#include "support/golden_vectors.h"

namespace octet {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using test::error_text;
using test::GoldenModel;
using test::GoldenReport;

// What a message of each of the reference's error categories says here.
const std::map<std::string, std::string> kRules = {
    {"no_supported_layer", "no layer that can be quantized"},
    {"already_quantised", "the model is quantized already"},
    {"batch_num", "batch_num"},
    {"linear_channel_wise", "a Linear layer has one scale for its weight"},
    {"clip_incomplete", "clip_max and clip_min need each other"},
    {"clip_max_sign", "clip_max: has to be above 0"},
    {"clip_min_sign", "clip_min: has to be below 0"},
    {"activation_int4", "activations have to be INT8 or INT16"},
    {"activation_weight_width_combination", "no kernel has"},
    {"all_layers_disabled", "nothing would be quantized"},
    {"unknown_skip_layer", ": skip_layers: the"},
    {"unknown_quant_skip_layer", ": quant_skip_layers: the"},
    {"unsupported_skip_type", ": skip_layer_types: "},
    {"unsupported_quant_skip_type", ": quant_skip_types: "},
    {"unknown_override_layer", ": override_layer_configs: the"},
    {"unsupported_override_type", ": override_layer_types: "},
    {"repeated_override", "is overridden twice"},
    {"pruning_field_not_expected", "pruning has no place"},
    {"missing_version", "missing key \"version\""},
    {"version", "version: "},
    {"unknown_layer", "there is no layer"},
    {"layer_not_object", "expected an object"},
    {"retrain_enable_type", "retrain_enable: expected true or false"},
    {"data_algo", "retrain_data_config.algo: expected one of"},
    {"weight_algo", "retrain_weight_config.algo: expected one of"},
    {"clip_type", "expected a real number"},
    {"fixed_min_type", "fixed_min: expected true or false"},
    {"channel_wise_type", "channel_wise: expected true or false"},
    {"unsupported_dst_type", "dst_type: expected one of"},
    {"extra_weight_key", ".retrain_weight_config"},
    {"duplicate_key", "duplicate key"},
    {"fakequant_precision_mode", "fakequant_precision_mode: expected one of"},
};

void expect_category(const std::string& message, const json& wanted) {
  const std::string about = wanted.at("error_about").get<std::string>();
  EXPECT_NE(message, "no error") << about;
  if (about == "text_format_syntax_or_unknown_field_or_bad_value" || about == "json_syntax") return;
  if (about == "extra_data_key_or_incomplete_clip") {
    EXPECT_TRUE(message.find(".retrain_data_config") != std::string::npos ||
                message.find("need each other") != std::string::npos)
        << message;
    return;
  }
  ASSERT_TRUE(kRules.contains(about)) << "no rule for " << about << "; the message is " << message;
  EXPECT_NE(message.find(kRules.at(about)), std::string::npos) << about << ": " << message;
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

void check_model(GoldenReport& report, const json& wanted) {
  std::unique_ptr<GoldenModel> model;
  try {
    model = std::make_unique<GoldenModel>(wanted.at("model"));
  } catch (const test::NoSuchLayer& missing) {
    return report.except(std::string("cannot be built: Octet has no ") + missing.what());
  }
  const Created ours = create(*model, GoldenModel::input(wanted.at("model")));
  if (wanted.contains("error")) {
    if (ours.error.find(": conv2d: ") != std::string::npos) {
      return report.except("an error, too, but conv2d's own: it takes batches only, so the model does not run");
    }
    return expect_category(ours.error, wanted);
  }
  ASSERT_EQ(ours.error, "no error");
  std::vector<std::string> quantized;
  for (const auto& layer : ours.report.layers) {
    EXPECT_EQ(layer.quantized, layer.reason.empty()) << layer.name;
    if (layer.quantized) quantized.push_back(layer.name);
  }
  auto expected = wanted.at("expected_layers").get<std::vector<std::string>>();
  const std::size_t dropped = test::drop_aliased(wanted.at("model"), expected);
  EXPECT_EQ(quantized, expected);
  if (dropped > 0)
    return report.except("the layer under two names is dropped (Q19): here, two layers around one weight");
  EXPECT_EQ(ours.text, wanted.at("expected_text").get<std::string>());
}

TEST(QuantGolden, ConfigurationsOfModels) {
  const json file = test::load_golden_vectors("create_config_models.json");
  GoldenReport report("create_config_models.json");
  for (const json& wanted : file.at("cases"))
    report.run(wanted.at("id").get<std::string>(), [&] { check_model(report, wanted); });
}

TEST(QuantGolden, SimplifiedConfigurations) {
  const json file = test::load_golden_vectors("create_config_quant_cfg.json");
  GoldenReport report("create_config_quant_cfg.json");
  GoldenModel model(file.at("model"));
  for (const json& wanted : file.at("cases")) {
    report.run(wanted.at("id").get<std::string>(), [&] {
      const Created ours =
          create(model, GoldenModel::input(file.at("model")), wanted.at("quant_cfg").get<std::string>());
      if (!wanted.contains("error")) {
        EXPECT_EQ(ours.text, wanted.at("expected_text").get<std::string>()) << ours.error;
        return;
      }
      bool linear_enabled = false;
      for (const auto& layer : ours.report.layers) linear_enabled |= layer.type == "Linear" && layer.quantized;
      if (wanted.at("error_about") == "linear_channel_wise" && ours.error == "no error" && !linear_enabled)
        return report.except("valid: channel_wise reaches no Linear layer that is enabled (Q21)");
      expect_category(ours.error, wanted);
      EXPECT_NE(ours.error.find("quant.cfg:"), std::string::npos) << "no position: " << ours.error;
    });
  }
}

// As the reference has it in memory: true is the integer 1.
ordered_json effective(const std::string& text) {
  ordered_json config = ordered_json::parse(text);
  if (config["batch_num"].is_boolean()) config["batch_num"] = static_cast<int>(config["batch_num"].get<bool>());
  return config;
}

TEST(QuantGolden, ConfigurationFiles) {
  const json file = test::load_golden_vectors("retrain_config_json.json");
  const ordered_json ordered = [&] {  // the order of the layers matters
    const char* const other = std::getenv("OCTET_GOLDEN_DIR");
    const std::string golden = other ? other : OCTET_TEST_DATA "/golden";
    return ordered_json::parse(read_file(golden + "/retrain_config_json.json", 1 << 24));
  }();
  GoldenReport report("retrain_config_json.json");
  GoldenModel model(file.at("model"));
  const auto layers = find_quantizable_layers(model, trace(model, GoldenModel::input(file.at("model"))));
  for (std::size_t i = 0; i < file.at("cases").size(); ++i) {
    const json& wanted = file["cases"][i];
    report.run(wanted.at("id").get<std::string>(), [&] {
      QuantRetrainConfig config;
      const std::string error = error_text([&] {
        config = parse_quant_retrain_config(wanted.at("config_text").get<std::string>(), "file.json", layers);
      });
      if (wanted.contains("error")) {
        expect_category(error, wanted);
        EXPECT_EQ(error.find("file.json:"), 0U) << "no position: " << error;
      } else {
        EXPECT_EQ(error, "no error");
        EXPECT_EQ(effective(to_json_text(config)).dump(), effective(ordered["cases"][i]["expected"].dump()).dump());
      }
    });
  }
}

}  // namespace
}  // namespace octet
