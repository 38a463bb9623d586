// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/conv_layers.h"

#include <algorithm>
#include <cmath>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/nn/init.h"
#include "octet/nn/layer_checks.h"

namespace octet {
namespace {

using detail::require_not_negative;
using detail::require_positive;

// Weights and biases of all three layers start uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)].
Tensor new_weight(const Shape& shape, Rng& rng) {
  const FloatEnvironment numbers;
  Tensor w = Tensor::empty(shape, Layout::kRowMajor);
  init::kaiming_uniform(w, std::sqrt(5.0), rng);
  return w;
}

Tensor new_bias(std::int64_t size, const Tensor& weight, Rng& rng) {
  const FloatEnvironment numbers;
  Tensor bias = Tensor::empty({size});
  const auto bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(init::fans(weight).in)));
  init::uniform(bias, -bound, bound, rng);
  return bias;
}

// The rules that Conv2d and ConvTranspose2d share.
template <typename Options>
void check_convolution(const char* layer, const Options& o) {
  require_positive(layer, "in_channels", o.in_channels);
  require_positive(layer, "out_channels", o.out_channels);
  require_positive(layer, "kernel_size", o.kernel_size);
  require_positive(layer, "stride", o.stride);
  require_positive(layer, "dilation", o.dilation);
  require_positive(layer, "groups", o.groups);
  require(o.in_channels % o.groups == 0, layer, ": groups must divide in_channels (groups ", o.groups, ", in_channels ",
          o.in_channels, ")");
  require(o.out_channels % o.groups == 0, layer, ": groups must divide out_channels (groups ", o.groups,
          ", out_channels ", o.out_channels, ")");
}

Size2 resolve_padding(const Conv2d::Options& o) {
  const std::string& name = o.padding.name();
  if (name.empty()) {
    require_not_negative("Conv2d", "padding", o.padding.size());
    return o.padding.size();
  }
  if (name == "valid") return 0;
  require(name == "same", "Conv2d: padding must be a size, \"same\" or \"valid\" (padding ", in_quotes(name), ")");
  require(o.stride == Size2(1), "Conv2d: padding \"same\" needs stride 1 (stride ", o.stride, ")");
  const Size2 total(o.dilation.h * (o.kernel_size.h - 1), o.dilation.w * (o.kernel_size.w - 1));
  require(total.h % 2 == 0 && total.w % 2 == 0,
          "Conv2d: padding \"same\" needs an even dilation * (kernel_size - 1) (kernel_size ", o.kernel_size,
          ", dilation ", o.dilation, ")");
  return {total.h / 2, total.w / 2};
}

Shape weight_shape(const Conv2d::Options& o) {
  return {o.out_channels, o.in_channels / o.groups, o.kernel_size.h, o.kernel_size.w};
}

Shape weight_shape(const ConvTranspose2d::Options& o) {
  return {o.in_channels, o.out_channels / o.groups, o.kernel_size.h, o.kernel_size.w};
}

Shape weight_shape(const Linear::Options& o) { return {o.out_features, o.in_features}; }

void check_shared(const char* layer, const char* name, const Tensor& given, const Shape& shape) {
  require(given.defined() && given.shape() == shape && given.layout() == Layout::kRowMajor, layer, ": ", name,
          " must be a row-major tensor of shape ", shape, ", got ", given.defined() ? given.shape() : Shape{});
}

void check_shared(const char* layer, const Tensor& weight, const Shape& shape, const Tensor& bias, bool has_bias,
                  std::int64_t outputs) {
  check_shared(layer, "weight", weight, shape);
  if (has_bias) check_shared(layer, "bias", bias, {outputs});
  require(has_bias || !bias.defined(), layer, ": bias must be undefined, because options.bias is false");
}

void check_weight(const Tensor& given, const Tensor& own) {
  require(given.shape() == own.shape(), "apply: the weight must have the layer's shape (given ", given.shape(),
          ", the layer's ", own.shape(), ")");
}

}  // namespace

Conv2d::Conv2d(Options options) : options_(std::move(options)) {
  check_convolution("Conv2d", options_);
  padding_ = resolve_padding(options_);
  pads_apart_ = options_.padding_mode != PaddingMode::kZeros && padding_ != Size2(0);
  params_ = {.stride = options_.stride,
             .padding = pads_apart_ ? Size2(0) : padding_,
             .dilation = options_.dilation,
             .groups = options_.groups};
}

Conv2d::Conv2d(Options options, Rng& rng) : Conv2d(std::move(options)) {
  weight_ = add_parameter("weight", new_weight(weight_shape(options_), rng));
  if (options_.bias) bias_ = add_parameter("bias", new_bias(options_.out_channels, weight_, rng));
}

Conv2d::Conv2d(Options options, const Tensor& weight, const Tensor& bias) : Conv2d(std::move(options)) {
  check_shared("Conv2d", weight, weight_shape(options_), bias, options_.bias, options_.out_channels);
  weight_ = add_shared_parameter("weight", weight);
  if (options_.bias) bias_ = add_shared_parameter("bias", bias);
}

Tensor Conv2d::apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  check_weight(weight, weight_);
  return conv2d(pads_apart_ ? pad2d(x, padding_, options_.padding_mode) : x, weight, bias, params_);
}

std::unique_ptr<Module> Conv2d::clone() const {
  return copy_state_to(std::make_unique<Conv2d>(options_, copy_of(weight_), copy_of(bias_)));
}

ConvTranspose2d::ConvTranspose2d(Options options) : options_(options) {
  check_convolution("ConvTranspose2d", options_);
  require_not_negative("ConvTranspose2d", "padding", options_.padding);
  require_not_negative("ConvTranspose2d", "output_padding", options_.output_padding);
  const auto fits = [](std::int64_t extra, std::int64_t stride, std::int64_t dilation) {
    return extra < std::max(stride, dilation);
  };
  require(fits(options_.output_padding.h, options_.stride.h, options_.dilation.h) &&
              fits(options_.output_padding.w, options_.stride.w, options_.dilation.w),
          "ConvTranspose2d: output_padding must be smaller than stride or dilation (output_padding ",
          options_.output_padding, ", stride ", options_.stride, ", dilation ", options_.dilation, ")");
}

ConvTranspose2d::ConvTranspose2d(Options options, Rng& rng) : ConvTranspose2d(options) {
  weight_ = add_parameter("weight", new_weight(weight_shape(options_), rng));
  if (options_.bias) bias_ = add_parameter("bias", new_bias(options_.out_channels, weight_, rng));
}

ConvTranspose2d::ConvTranspose2d(Options options, const Tensor& weight, const Tensor& bias) : ConvTranspose2d(options) {
  check_shared("ConvTranspose2d", weight, weight_shape(options_), bias, options_.bias, options_.out_channels);
  weight_ = add_shared_parameter("weight", weight);
  if (options_.bias) bias_ = add_shared_parameter("bias", bias);
}

ConvTranspose2dParams ConvTranspose2d::params() const {
  return {.stride = options_.stride,
          .padding = options_.padding,
          .dilation = options_.dilation,
          .output_padding = options_.output_padding,
          .groups = options_.groups};
}

Tensor ConvTranspose2d::apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  check_weight(weight, weight_);
  return conv_transpose2d(x, weight, bias, params());
}

std::unique_ptr<Module> ConvTranspose2d::clone() const {
  return copy_state_to(std::make_unique<ConvTranspose2d>(options_, copy_of(weight_), copy_of(bias_)));
}

Linear::Linear(Options options) : options_(options) {
  require_positive("Linear", "in_features", options_.in_features);
  require_positive("Linear", "out_features", options_.out_features);
}

Linear::Linear(Options options, Rng& rng) : Linear(options) {
  weight_ = add_parameter("weight", new_weight(weight_shape(options_), rng));
  if (options_.bias) bias_ = add_parameter("bias", new_bias(options_.out_features, weight_, rng));
}

Linear::Linear(Options options, const Tensor& weight, const Tensor& bias) : Linear(options) {
  check_shared("Linear", weight, weight_shape(options_), bias, options_.bias, options_.out_features);
  weight_ = add_shared_parameter("weight", weight);
  if (options_.bias) bias_ = add_shared_parameter("bias", bias);
}

Tensor Linear::apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
  check_weight(weight, weight_);
  return linear(x, weight, bias);
}

std::unique_ptr<Module> Linear::clone() const {
  return copy_state_to(std::make_unique<Linear>(options_, copy_of(weight_), copy_of(bias_)));
}

}  // namespace octet
