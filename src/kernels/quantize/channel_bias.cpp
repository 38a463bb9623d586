// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/quantize/channel_bias.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::kernels {
namespace {

constexpr float kSmallest = std::numeric_limits<float>::min(), kLargest = std::numeric_limits<float>::max();
constexpr float kHigh = 0x1p30F, kLow = 0x1p23F;  // what |integer| becomes where it was too large, or too small

float integer(float input_scale, float weight_scale, float bias) {
  return std::rint(bias / (input_scale * weight_scale));
}

// The weight scale with which the bias is about `steps`.
float scale_for(float steps, float input_scale, float bias) {
  const float step = std::max(std::fabs(bias) / steps, kSmallest);
  return std::clamp(step / input_scale, kSmallest, kLargest);
}

float choose_scale(float input_scale, float weight_scale, float bias, std::int64_t weights) {
  const bool is_normal = input_scale * weight_scale >= kSmallest;
  if (bias == 0.0F) return is_normal ? weight_scale : 1.0F;
  const float steps = std::fabs(integer(input_scale, weight_scale, bias));
  const auto largest = 255.0 * static_cast<double>(weights);
  if (!is_normal || (steps > kHigh && static_cast<double>(steps) + largest >= 0x1p31))
    return scale_for(kHigh, input_scale, bias);
  return weights == 0 && steps < kLow ? scale_for(kLow, input_scale, bias) : weight_scale;
}

}  // namespace

ChannelBias channel_bias(float input_scale, float weight_scale, float bias, std::int64_t weights) {
  const float scale = choose_scale(input_scale, weight_scale, bias, weights);
  return {scale, integer(input_scale, scale, bias)};
}

}  // namespace octet::kernels
