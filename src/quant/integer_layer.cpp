// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/integer_layer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "octet/base/error.h"
#include "octet/quant/scale_offset.h"

namespace octet {
namespace {

std::int32_t integer_bias(const char* layer, std::size_t channel, float bias, float scale) {
  const float rounded = std::rint(bias / scale);
  // 2^31 as a float is the first that does not fit.
  constexpr float kLimit = 2147483648.0F;
  require(rounded >= -kLimit && rounded < kLimit, layer, ": the bias of output channel ", channel,
          " leaves 32 bits in units of its scale (bias ", bias, ", scale ", scale, ")");
  return static_cast<std::int32_t>(rounded);
}

}  // namespace

IntegerLayer integer_layer(const char* layer, const kernels::ChannelView& view, std::span<const float> weight,
                           std::span<const float> weight_scales, int bits, std::span<const float> bias,
                           const FoldedNorm* norm, float input_scale) {
  const auto outputs = static_cast<std::size_t>(view.outputs());
  const IntegerRange range{bits};
  IntegerLayer made;
  made.weight.resize(weight.size());
  made.float_weight.assign(weight.begin(), weight.end());
  for (std::size_t c = 0; c < outputs; ++c) {
    const float factor = norm ? norm->factor[c] : 1.0F;
    const float scale = std::fabs(weight_scales.size() == 1 ? weight_scales[0] : weight_scales[c]) * std::fabs(factor);
    require(std::isfinite(scale), layer, ": the scale of output channel ", c, " must be finite (scale ", scale, ")");
    made.scales.push_back(scale * input_scale < std::numeric_limits<float>::min() ? 1.0F : scale);
    const float own = bias.empty() ? 0.0F : bias[c];
    made.float_bias.push_back(norm ? (own - norm->mean[c]) * factor + norm->beta[c] : own);
    made.bias.push_back(integer_bias(layer, c, made.float_bias.back(), input_scale * made.scales.back()));
  }
  for (std::size_t c = 0; norm && c < outputs; ++c)
    view.for_each_run(static_cast<std::int64_t>(c), [&](std::int64_t at) {
      for (std::int64_t i = at; i < at + view.run; ++i)
        made.float_weight[static_cast<std::size_t>(i)] *= norm->factor[c];
    });
  require(kernels::quantize_channels(view, made.scales.data(), range.low(), range.high(), made.float_weight.data(),
                                     made.weight.data()),
          layer, ": the weight has values that are not finite");
  return made;
}

}  // namespace octet
