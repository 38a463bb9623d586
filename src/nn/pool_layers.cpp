// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/pool_layers.h"

#include "octet/base/error.h"
#include "octet/nn/layer_checks.h"

namespace octet {
namespace {

using detail::require_not_negative;
using detail::require_positive;

// The rules that MaxPool2d and AvgPool2d share.
template <typename Options>
void check_window(const char* layer, const Options& o) {
  const Size2 kernel = o.kernel_size, padding = o.padding;
  require_positive(layer, "kernel_size", kernel);
  require_positive(layer, "stride", o.stride.value_or(kernel));
  require_not_negative(layer, "padding", padding);
  require(padding.h <= kernel.h / 2 && padding.w <= kernel.w / 2, layer,
          ": padding must be at most half the kernel_size (padding ", padding, ", kernel_size ", kernel, ")");
}

}  // namespace

MaxPool2d::MaxPool2d(Options options) : options_(options) {
  check_window("MaxPool2d", options_);
  require_positive("MaxPool2d", "dilation", options_.dilation);
}

std::unique_ptr<Module> MaxPool2d::clone() const { return copy_state_to(std::make_unique<MaxPool2d>(options_)); }

AvgPool2d::AvgPool2d(Options options) : options_(options) { check_window("AvgPool2d", options_); }

std::unique_ptr<Module> AvgPool2d::clone() const { return copy_state_to(std::make_unique<AvgPool2d>(options_)); }

AdaptiveAvgPool2d::AdaptiveAvgPool2d(Options options) : options_(options) {
  require_positive("AdaptiveAvgPool2d", "output_size", options_.output_size);
}

std::unique_ptr<Module> AdaptiveAvgPool2d::clone() const {
  return copy_state_to(std::make_unique<AdaptiveAvgPool2d>(options_));
}

std::unique_ptr<Module> Flatten::clone() const { return copy_state_to(std::make_unique<Flatten>(options_)); }

}  // namespace octet
