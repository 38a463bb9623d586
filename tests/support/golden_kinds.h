// SPDX-License-Identifier: Apache-2.0
// Of which kind a case of a golden file is, told by what it holds, so that it holds for cases of any name.
#pragma once

#include <string>

#include "support/golden_value.h"

namespace octet::test::golden_kinds {

inline bool any(const GoldenJson&) { return true; }

inline bool has_fixed_min(const GoldenJson& c) {  // in any of the places where the files say so
  const std::string text = c.dump();
  return text.find("\"fixed_min\":true") != std::string::npos;
}
inline bool evaluates(const GoldenJson& c) { return c.at("modes").dump().find("eval") != std::string::npos; }
inline bool clips_are_learned(const GoldenJson& c) {
  return !c.at("config").is_object() || c["config"].value("retrain_enable", true);
}
inline bool has_output_padding(const GoldenJson& c) { return c.at("float_module_args").contains("output_padding"); }
inline bool has_backward_error(const GoldenJson& c) { return c.dump().find("backward_error") != std::string::npos; }
inline bool has_alias(const GoldenJson& c) { return c.dump().find("\"alias_of\"") != std::string::npos; }
inline bool clips_nearly_meet(const GoldenJson& c) {
  const auto number = [](const GoldenJson& v) { return v.is_number() ? v.get<float>() : 0.0F; };
  return number(c.at("clip_max")) - (c.at("fixed_min") == true ? 0.0F : number(c.at("clip_min"))) <= 0x1p-23F;
}
// What a layer is told about its weight, as text: "" if nothing.
inline std::string weight_config(const GoldenJson& c, const char* key) {
  const GoldenJson config = c.at("config").is_object() ? c["config"] : GoldenJson::object();
  const GoldenJson weight = config.value("retrain_weight_config", GoldenJson::object());
  return weight.is_object() && weight.contains(key) ? weight[key].dump() : "";
}
inline bool has_unknown_algorithm(const GoldenJson& c) {
  const std::string algorithm = weight_config(c, "weights_retrain_algo");
  return !algorithm.empty() && algorithm != "\"arq_retrain\"" && algorithm != "\"ulq_retrain\"";
}
inline bool is_linear_with_channels(const GoldenJson& c) {
  return c.at("module") == "LinearQAT" && weight_config(c, "channel_wise") == "true";
}
inline bool is_transposed_with_ulq(const GoldenJson& c) {
  return c.at("module") == "ConvTranspose2dQAT" && weight_config(c, "weights_retrain_algo") == "\"ulq_retrain\"";
}
inline bool has_missing_layer(const GoldenJson& c) {
  for (const auto& module : c.at("model").at("modules"))
    for (const char* const type : {"Conv1d", "Conv3d", "ConvTranspose1d", "ConvTranspose3d", "LSTM", "GRU"})
      if (module.at("type") == type) return true;
  return false;
}

}  // namespace octet::test::golden_kinds
