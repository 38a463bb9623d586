// SPDX-License-Identifier: Apache-2.0
// The layers of the models that the golden files describe, also around the weight of another.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "octet/nn/layers.h"
#include "octet/quant/qat_layers.h"
#include "support/golden_qat_modules.h"

namespace octet::test {

/// Thrown for a layer or an op that Octet does not have; what() is its type.
struct NoSuchLayer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A layer that quantization must not take for a Conv2d.
class MyConv2d final : public Module {
 public:
  explicit MyConv2d(const Conv2d& like) : like_(like.options(), like.weight(), like.bias()) {}
  Tensor forward(const Tensor& x) override { return like_.forward(x); }
  std::unique_ptr<Module> clone() const override { return std::make_unique<MyConv2d>(like_); }

 private:
  Conv2d like_;
};

/// What layers share that hold one weight; `weight` is undefined for a layer that has none.
struct WeightAndBias {
  Tensor weight, bias;
};
inline WeightAndBias weight_and_bias(const Module& layer) {
  if (const auto* const conv = dynamic_cast<const Conv2d*>(&layer)) return {conv->weight(), conv->bias()};
  if (const auto* const transposed = dynamic_cast<const ConvTranspose2d*>(&layer))
    return {transposed->weight(), transposed->bias()};
  if (const auto* const linear = dynamic_cast<const Linear*>(&layer)) return {linear->weight(), linear->bias()};
  return {};
}

/// A Conv2d, ConvTranspose2d or Linear like `layer`, around these tensors.
inline std::unique_ptr<Module> around(const Module& layer, const WeightAndBias& shared) {
  if (const auto* const conv = dynamic_cast<const Conv2d*>(&layer))
    return std::make_unique<Conv2d>(conv->options(), shared.weight, shared.bias);
  if (const auto* const transposed = dynamic_cast<const ConvTranspose2d*>(&layer))
    return std::make_unique<ConvTranspose2d>(transposed->options(), shared.weight, shared.bias);
  if (const auto* const linear = dynamic_cast<const Linear*>(&layer))
    return std::make_unique<Linear>(linear->options(), shared.weight, shared.bias);
  throw std::invalid_argument("a " + layer.type_name() + " has no weight to share");
}

/// Layers of other libraries that keep the shape, are no ReLU and nothing to quantize: another such layer has their
/// place in the graph.
inline bool has_stand_in(const std::string& type) {
  constexpr std::array<std::string_view, 12> kTypes = {"GELU",     "LayerNorm", "GroupNorm", "InstanceNorm2d",
                                                       "ELU",      "SELU",      "PReLU",     "Softplus",
                                                       "Hardtanh", "Mish",      "Softmax",   "Hardsigmoid"};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

inline std::unique_ptr<Module> golden_pool(const std::string& type, const GoldenJson& args) {
  if (type == "AdaptiveAvgPool2d") {
    expect_arguments(type, args, {"output_size"});
    return std::make_unique<AdaptiveAvgPool2d>(
        AdaptiveAvgPool2d::Options{.output_size = golden_size(args, "output_size", 1)});
  }
  expect_arguments(type, args, {"kernel_size", "stride", "padding"});
  const Size2 kernel_size = golden_size(args, "kernel_size", 2), padding = golden_size(args, "padding", 0);
  const Size2 stride = args.contains("stride") ? golden_size(args, "stride", 2) : kernel_size;
  if (type == "AvgPool2d")
    return std::make_unique<AvgPool2d>(
        AvgPool2d::Options{.kernel_size = kernel_size, .stride = stride, .padding = padding});
  return std::make_unique<MaxPool2d>(
      MaxPool2d::Options{.kernel_size = kernel_size, .stride = stride, .padding = padding});
}

inline std::unique_ptr<Module> golden_layer(const std::string& type, const GoldenJson& args) {
  if (type == "Conv2d" || type == "ConvTranspose2d" || type == "Linear" || type == "ReLU")
    return golden_float_module(type, args);
  if (type == "MyConv2d")
    return std::make_unique<MyConv2d>(dynamic_cast<const Conv2d&>(*golden_float_module("Conv2d", args)));
  if (type == "Conv2dQAT") return Conv2dQAT::from_float(*golden_float_module("Conv2d", args));
  if (type == "ConvTranspose2dQAT")
    return ConvTranspose2dQAT::from_float(*golden_float_module("ConvTranspose2d", args));
  if (type == "LinearQAT") return LinearQAT::from_float(*golden_float_module("Linear", args));
  if (type == "BatchNorm2d") {
    expect_arguments(type, args, {"num_features", "eps"});
    return std::make_unique<BatchNorm2d>(
        BatchNorm2d::Options{.features = args.at("num_features"), .eps = args.value("eps", 1e-5F)});
  }
  if (type == "Flatten") {
    expect_arguments(type, args, {"start_dim", "end_dim"});
    return std::make_unique<Flatten>(
        Flatten::Options{.start_dim = args.value("start_dim", 1), .end_dim = args.value("end_dim", -1)});
  }
  if (type == "AdaptiveAvgPool2d" || type == "AvgPool2d" || type == "MaxPool2d") return golden_pool(type, args);
  if (type == "ReLU6") return std::make_unique<ReLU6>();
  if (type == "Sigmoid") return std::make_unique<Sigmoid>();
  if (type == "Tanh") return std::make_unique<Tanh>();
  if (type == "SiLU" || has_stand_in(type)) return std::make_unique<SiLU>();
  if (type == "Hardswish") return std::make_unique<Hardswish>();
  if (type == "LeakyReLU") return std::make_unique<LeakyReLU>();
  if (type == "Identity" || type == "Dropout") return std::make_unique<Identity>();  // evaluation traces models
  throw NoSuchLayer(type);
}

}  // namespace octet::test
