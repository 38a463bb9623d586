// SPDX-License-Identifier: Apache-2.0
// The modules that the golden files describe: float layers from their arguments, QAT modules around them.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "octet/nn/activation_layers.h"
#include "octet/quant/qat_layers.h"
#include "support/golden_value.h"
#include "support/reference_quant.h"

namespace octet::test {

/// Refuses an argument that nobody would look at.
inline void expect_arguments(const std::string& type, const GoldenJson& args,
                             std::initializer_list<std::string_view> known) {
  for (const auto& [key, unused] : args.items())
    if (std::ranges::find(known, key) == known.end())
      throw std::invalid_argument(type + ": the test knows no argument " + key);
}

/// A number or a pair.
inline Size2 golden_size(const GoldenJson& args, const char* key, std::int64_t fallback) {
  if (!args.contains(key)) return fallback;
  const GoldenJson& value = args[key];
  return value.is_array() ? Size2(value[0].get<std::int64_t>(), value[1].get<std::int64_t>())
                          : Size2(value.get<std::int64_t>());
}

inline PaddingMode golden_padding_mode(const std::string& name) {
  if (name == "zeros") return PaddingMode::kZeros;
  if (name == "reflect") return PaddingMode::kReflect;
  if (name == "replicate") return PaddingMode::kReplicate;
  if (name == "circular") return PaddingMode::kCircular;
  throw std::invalid_argument("the test knows no padding_mode " + name);
}

inline ConvPadding golden_padding(const GoldenJson& args) {
  const GoldenJson padding = args.value("padding", GoldenJson(0));
  if (padding == "same") return "same";
  if (padding == "valid") return "valid";
  return golden_size(args, "padding", 0);
}

inline void expect_layer_arguments(const std::string& type, const GoldenJson& args) {
  if (type == "Linear") return expect_arguments(type, args, {"in_features", "out_features", "bias"});
  if (type == "ReLU") return expect_arguments(type, args, {"inplace"});
  if (type != "Conv2d" && type != "ConvTranspose2d") throw std::invalid_argument("the test knows no layer " + type);
  expect_arguments(type, args,
                   {"in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias",
                    type == "Conv2d" ? "padding_mode" : "output_padding"});
}

/// "Conv2d", "ConvTranspose2d", "Linear" or "ReLU"; without sizes in `args` the ones of the configuration rows, 3 and 4
/// channels and a kernel of 3.
inline std::unique_ptr<Module> golden_float_module(const std::string& type, const GoldenJson& given) {
  Rng rng(1);
  const GoldenJson args = given.is_object() ? given : GoldenJson::object();
  expect_layer_arguments(type, args);
  const std::int64_t in = args.value("in_channels", 3), out = args.value("out_channels", 4);
  const std::int64_t groups = args.value("groups", 1);
  const bool bias = args.value("bias", true);
  if (type == "Linear")
    return std::make_unique<Linear>(
        Linear::Options{
            .in_features = args.value("in_features", 3), .out_features = args.value("out_features", 4), .bias = bias},
        rng);
  if (type == "ReLU") return std::make_unique<ReLU>();
  const Size2 kernel_size = golden_size(args, "kernel_size", 3), stride = golden_size(args, "stride", 1);
  const Size2 dilation = golden_size(args, "dilation", 1);
  if (type == "ConvTranspose2d")
    return std::make_unique<ConvTranspose2d>(
        ConvTranspose2d::Options{.in_channels = in,
                                 .out_channels = out,
                                 .kernel_size = kernel_size,
                                 .stride = stride,
                                 .padding = golden_size(args, "padding", 0),
                                 .output_padding = golden_size(args, "output_padding", 0),
                                 .groups = groups,
                                 .bias = bias,
                                 .dilation = dilation},
        rng);
  return std::make_unique<Conv2d>(
      Conv2d::Options{.in_channels = in,
                      .out_channels = out,
                      .kernel_size = kernel_size,
                      .stride = stride,
                      .padding = golden_padding(args),
                      .dilation = dilation,
                      .groups = groups,
                      .bias = bias,
                      .padding_mode = golden_padding_mode(args.value("padding_mode", "zeros"))},
      rng);
}

/// "Conv2dQAT", "ConvTranspose2dQAT" or "LinearQAT" around a float module, with the configuration as it would stand in
/// a file. Its evaluation sets clips, as AMCT's does.
inline std::unique_ptr<Module> golden_qat_module(const std::string& type, const Module& module,
                                                 const GoldenJson& config) {
  const std::string text = config.dump();
  std::unique_ptr<QatModule> qat;
  if (type == "Conv2dQAT")
    qat = Conv2dQAT::from_float(module, text);
  else if (type == "ConvTranspose2dQAT")
    qat = ConvTranspose2dQAT::from_float(module, text);
  else if (type == "LinearQAT")
    qat = LinearQAT::from_float(module, text);
  else
    throw std::invalid_argument("the test knows no module " + type);
  qat->set_evaluation_sets_clips(true);
  return qat;
}

/// How output channels lie in a weight of a layer type, "Conv2d" or "Conv2dQAT".
inline ChannelView golden_view(const std::string& type, const Shape& shape, std::int64_t groups) {
  if (type.starts_with("ConvTranspose2d"))
    return {.groups = groups, .rows = shape[0] / groups, .channels = shape[1], .run = shape[2] * shape[3]};
  return {.groups = 1, .rows = 1, .channels = shape[0], .run = element_count(shape) / shape[0]};
}

/// The output channel of a weight's element.
inline std::int64_t golden_channel(const std::string& type, const ChannelView& view, std::int64_t element) {
  if (!type.starts_with("ConvTranspose2d")) return element / view.run;
  return transposed_output_channel(element, view.groups * view.rows, view.outputs(), view.groups, view.run);
}

}  // namespace octet::test
