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

using test::error_text;
using test::Golden;
using test::GoldenJson;
using test::GoldenReport;

// What happened, in the order of the phases: the error texts, "" where a phase went well.
struct Outcome {
  std::string construct, forward, backward;
};

std::string failure(const std::function<void()>& run) {
  const std::string error = error_text(run);
  return error == "no error" ? "" : error;
}

void check_effective(const Module& module, const Golden& effective) {
  const auto& qat = dynamic_cast<const QatModule&>(module);
  EXPECT_EQ(!qat.activation_quantizer().initialised(), effective.at("do_init_before_first_forward").get<bool>());
  EXPECT_EQ(qat.weight_quantizer().stored_scales().size(), effective.at("wts_scales_len").get<std::int64_t>());
  const bool wide = qat.config().retrain_data_config.dst_type == DstType::kInt16;
  EXPECT_EQ(wide ? "int16" : "int8", effective.at("offset_dtype").get<std::string>());
}

// The value of a field, or the fallback where the row has none.
template <typename T>
T value_or(const Golden& row, const char* key, T fallback) {
  return !row.contains(key) || row.at(key).is_null() ? fallback : row.at(key).get<T>();
}

Outcome try_out(const Golden& row) {
  Outcome outcome;
  const std::string type = row.at("module").get<std::string>();
  const auto layer = test::golden_float_module(row.at("built_from").get<std::string>(),
                                               value_or(row, "float_module_args", GoldenJson()));
  std::unique_ptr<Module> module;
  outcome.construct = failure([&] { module = test::golden_qat_module(type, *layer, row.at("config").whole()); });
  if (!module) return outcome;
  if (row.contains("effective")) check_effective(*module, row.at("effective"));

  Rng rng(1);
  const bool linear = type == "LinearQAT";
  const Shape shape = value_or(row, "input_shape", linear ? Shape{2, 3} : Shape{2, 3, 5, 5});
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = rng.normal();
  const Tensor x = shape.size() == 4 && !linear ? Tensor::from_nchw(shape, values) : Tensor::from_values(shape, values);
  Tensor y;
  outcome.forward = failure([&] { y = (*module)(x); });
  if (y.defined()) outcome.backward = failure([&] { sum(y).backward(); });
  return outcome;
}

// Which kind of error it is, is not compared: there is one kind here.
bool is_ok(const Golden& row, const char* phase) { return value_or<std::string>(row, phase, "ok") == "ok"; }

// The key or argument that the row is about, as messages call it.
std::string subject(const Golden& row) {
  const std::string about = row.at("about").get<std::string>();
  if (about == "wrong source type") return "from_float";
  if (about == "input rank") return "the input must be";
  if (about == "padding_mode") return "padding_mode";
  const GoldenJson& config = row.at("config").whole();
  if (!config.is_object()) return "config";
  for (const auto& [block, keys] : config.items()) {
    if (block != "retrain_data_config" && block != "retrain_weight_config") continue;
    if (!keys.is_object()) return block;
    for (const auto& [key, value] : keys.items())
      if (key != "dst_type" || keys.size() == 1) return block + '.' + key;
  }
  return "config";
}

// The kind of exception that the row is, or "".
std::string exception(const Golden& row) {
  const std::string about = row.at("about").get<std::string>();
  if (about.starts_with("weights_retrain_algo") && !is_ok(row, "forward")) return "algorithm";
  if (about.starts_with("distill")) return "distill";
  if (about == "channel_wise true" && row.at("module").get<std::string>() == "LinearQAT") return "linear channels";
  if (value_or<std::string>(row, "input_dtype", "float32") != "float32") return "number type";
  if (!is_ok(row, "backward")) return "backward";
  return "";
}

void check_row(GoldenReport& report, const Golden& row) {
  const Outcome ours = try_out(row);
  const std::string kind = exception(row);
  const bool refused = !ours.construct.empty(), expected = !is_ok(row, "construct");
  if (!kind.empty()) {
    report.except(kind);
    EXPECT_EQ(refused, kind == "algorithm" || kind == "distill") << ours.construct;
    EXPECT_EQ(expected, kind == "linear channels");
    EXPECT_EQ(is_ok(row, "forward"), kind == "linear channels" || kind == "backward");
    EXPECT_EQ(ours.forward + ours.backward, "");
  } else {
    EXPECT_EQ(refused, expected) << ours.construct;
    EXPECT_EQ(!ours.forward.empty(), !is_ok(row, "forward")) << ours.forward;
    EXPECT_EQ(!ours.backward.empty(), !is_ok(row, "backward")) << ours.backward;
  }
  for (const std::string& message : {ours.construct, ours.forward}) {
    if (message.empty()) continue;
    EXPECT_NE(message.find(row.at("module").get<std::string>()), std::string::npos) << message;
    EXPECT_NE(message.find(subject(row)), std::string::npos) << message << "\nmust name " << subject(row);
  }
}

TEST(QuantGolden, ConfigurationOfModules) {
  GoldenReport report("qat_config_validation.json");
  report.each("rows", [&](const Golden& row) { check_row(report, row); });
}

}  // namespace
}  // namespace octet
