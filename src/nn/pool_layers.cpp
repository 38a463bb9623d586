// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/pool_layers.h"

#include "octet/base/error.h"

namespace octet {
namespace {

// The rules that MaxPool2d and AvgPool2d share.
template <typename Options>
void check_window(const char* layer, const Options& o) {
  const Size2 kernel = o.kernel_size, stride = o.stride.value_or(kernel), padding = o.padding;
  require(kernel.h > 0 && kernel.w > 0, layer, ": kernel_size must be positive (kernel_size ", kernel, ")");
  require(stride.h > 0 && stride.w > 0, layer, ": stride must be positive (stride ", stride, ")");
  require(padding.h >= 0 && padding.w >= 0, layer, ": padding must not be negative (padding ", padding, ")");
  require(padding.h <= kernel.h / 2 && padding.w <= kernel.w / 2, layer,
          ": padding must be at most half the kernel_size (padding ", padding, ", kernel_size ", kernel, ")");
}

}  // namespace

MaxPool2d::MaxPool2d(Options options) : options_(options) {
  check_window("MaxPool2d", options_);
  const Size2 dilation = options_.dilation;
  require(dilation.h > 0 && dilation.w > 0, "MaxPool2d: dilation must be positive (dilation ", dilation, ")");
}

std::unique_ptr<Module> MaxPool2d::clone() const { return copy_state_to(std::make_unique<MaxPool2d>(options_)); }

AvgPool2d::AvgPool2d(Options options) : options_(options) { check_window("AvgPool2d", options_); }

std::unique_ptr<Module> AvgPool2d::clone() const { return copy_state_to(std::make_unique<AvgPool2d>(options_)); }

AdaptiveAvgPool2d::AdaptiveAvgPool2d(Options options) : options_(options) {
  const Size2 size = options_.output_size;
  require(size.h > 0 && size.w > 0, "AdaptiveAvgPool2d: output_size must be positive (output_size ", size, ")");
}

std::unique_ptr<Module> AdaptiveAvgPool2d::clone() const {
  return copy_state_to(std::make_unique<AdaptiveAvgPool2d>(options_));
}

std::unique_ptr<Module> Flatten::clone() const { return copy_state_to(std::make_unique<Flatten>(options_)); }

}  // namespace octet
