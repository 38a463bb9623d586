// SPDX-License-Identifier: Apache-2.0
// Every configuration row of the reference implementation: what is refused, where, and that the message names the
// module and the key.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "octet/quant/qat_layers.h"
#include "support/error_text.h"
#include "support/golden_qat_modules.h"
#include "support/golden_vectors.h"

namespace octet {
namespace {

using nlohmann::json;
using test::error_text;
using test::GoldenReport;

// What happened, in the order of the phases: the error texts, "" where a phase went well.
struct Outcome {
  std::string construct, forward, backward;
};

std::string failure(const std::function<void()>& run) {
  const std::string error = error_text(run);
  return error == "no error" ? "" : error;
}

void check_effective(const Module& module, const json& effective) {
  const auto check = [&](const auto& qat, std::int64_t initialised) {
    EXPECT_EQ(initialised == 0, effective.at("do_init_before_first_forward").get<bool>());
    EXPECT_EQ(qat.weight_quantizer().stored_scales().size(), effective.at("wts_scales_len").get<std::int64_t>());
    const DstType type = qat.config().retrain_data_config.dst_type;
    EXPECT_EQ(type == DstType::kInt16, effective.at("offset_dtype") == "int16");
  };
  if (const auto* conv = dynamic_cast<const Conv2dQAT*>(&module))
    check(*conv, conv->activation_quantizer().initialised());
  if (const auto* linear = dynamic_cast<const LinearQAT*>(&module))
    check(*linear, linear->activation_quantizer().initialised());
  if (const auto* transposed = dynamic_cast<const ConvTranspose2dQAT*>(&module))
    check(*transposed, transposed->activation_quantizer().initialised());
}

Outcome try_out(const json& row) {
  Outcome outcome;
  const std::string type = row.at("module").get<std::string>();
  const auto layer = test::golden_float_module(row.at("built_from").get<std::string>(),
                                               row.contains("float_module_args") ? row["float_module_args"] : json());
  std::unique_ptr<Module> module;
  outcome.construct = failure([&] { module = test::golden_qat_module(type, *layer, row.at("config")); });
  if (!module) return outcome;
  if (row.contains("effective")) check_effective(*module, row["effective"]);

  Rng rng(1);
  const Shape shape = row.contains("input_shape") && !row["input_shape"].is_null() ? row["input_shape"].get<Shape>()
                      : type == "LinearQAT"                                        ? Shape{2, 3}
                                                                                   : Shape{2, 3, 5, 5};
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = rng.normal();
  const Tensor x =
      shape.size() == 4 && type != "LinearQAT" ? Tensor::from_nchw(shape, values) : Tensor::from_values(shape, values);
  Tensor y;
  outcome.forward = failure([&] { y = (*module)(x); });
  if (y.defined()) outcome.backward = failure([&] { sum(y).backward(); });
  return outcome;
}

bool is_ok(const json& row, const char* phase) { return row.value(phase, "ok") == "ok"; }

// The key or argument that the row is about, as messages call it.
std::string subject(const json& row) {
  const std::string about = row.at("about").get<std::string>();
  if (about == "wrong source type") return "from_float";
  if (about == "input rank") return "the input must be";
  if (about == "padding_mode") return "padding_mode";
  const json& config = row.at("config");
  if (!config.is_object()) return "config";
  for (const auto& [block, keys] : config.items()) {
    if (block != "retrain_data_config" && block != "retrain_weight_config") continue;
    if (!keys.is_object()) return block;
    for (const auto& [key, value] : keys.items())
      if (key != "dst_type" || keys.size() == 1) return block + '.' + key;
  }
  return "config";
}

// Why our outcome shall be another, or "".
std::string exception(const json& row) {
  const std::string about = row.at("about").get<std::string>();
  if (about.starts_with("weights_retrain_algo") && !is_ok(row, "forward"))
    return "refused at construction, not in the first forward (Q1)";
  if (about.starts_with("distill"))
    return "no flag skips the checks: refused at construction, not in the first forward";
  if (about == "channel_wise true" && row.at("module") == "LinearQAT")
    return "valid: Linear can have a scale per output channel";
  if (!is_ok(row, "backward")) return "backward works (Q13)";
  return "";
}

void check_row(GoldenReport& report, const json& row) {
  if (row.contains("input_dtype") && !row["input_dtype"].is_null() && row["input_dtype"] != "float32")
    return report.except("cannot occur: a Tensor holds float32 and nothing else");
  const Outcome ours = try_out(row);
  const std::string why = exception(row);
  const bool refused = !ours.construct.empty();
  if (!why.empty()) {
    report.except(why);
    EXPECT_EQ(refused, why.starts_with("refused") || why.starts_with("no flag")) << ours.construct;
    EXPECT_EQ(ours.forward + ours.backward, "");
  } else {
    EXPECT_EQ(refused, !is_ok(row, "construct")) << ours.construct;
    EXPECT_EQ(!ours.forward.empty(), !is_ok(row, "forward")) << ours.forward;
    EXPECT_EQ(ours.backward, "");
  }
  for (const std::string& message : {ours.construct, ours.forward}) {
    if (message.empty()) continue;
    EXPECT_NE(message.find(row.at("module").get<std::string>()), std::string::npos) << message;
    EXPECT_NE(message.find(subject(row)), std::string::npos) << message << "\nmust name " << subject(row);
  }
}

TEST(QuantGolden, ConfigurationOfModules) {
  const json file = test::load_golden_vectors("qat_config_validation.json");
  GoldenReport report("qat_config_validation.json");
  for (const json& row : file.at("rows")) {
    const std::string id =
        row.at("module").get<std::string>() + ' ' + row.at("config").dump() + ", " + row.at("about").get<std::string>();
    report.run(id, [&] { check_row(report, row); });
  }
}

}  // namespace
}  // namespace octet
