// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/integer_layer.h"

#include <cmath>
#include <limits>

#include "octet/base/error.h"
#include "octet/kernels/quantize/channel_bias.h"
#include "octet/quant/scale_offset.h"

namespace octet {
namespace {

// Rounds w to made.scales; a scale of 0, which says nothing, counts as 1.
void quantize_weight(const char* layer, const kernels::ChannelView& view, int bits, IntegerLayer& made) {
  const IntegerRange range{bits};
  std::vector<float> scales = made.scales;
  for (float& scale : scales)
    if (scale < std::numeric_limits<float>::min()) scale = 1.0F;
  require(kernels::quantize_channels(view, scales.data(), range.low(), range.high(), made.float_weight.data(),
                                     made.weight.data()),
          layer, ": the weight has values that are not finite");
}

}  // namespace

IntegerLayer integer_layer(const char* layer, const kernels::ChannelView& view, std::span<const float> weight,
                           std::span<const float> weight_scales, int bits, std::span<const float> bias,
                           const FoldedNorm* norm, float input_scale) {
  const auto outputs = static_cast<std::size_t>(view.outputs());
  IntegerLayer made;
  made.weight.resize(weight.size());
  made.float_weight.assign(weight.begin(), weight.end());
  for (std::size_t c = 0; c < outputs; ++c) {
    const float factor = norm ? norm->factor[c] : 1.0F;
    const float scale = std::fabs(weight_scales.size() == 1 ? weight_scales[0] : weight_scales[c]) * std::fabs(factor);
    require(std::isfinite(input_scale * scale), layer, ": the scale of output channel ", c, " must be finite (scale ",
            scale, ", input scale ", input_scale, ")");
    made.scales.push_back(scale);
    const float own = bias.empty() ? 0.0F : bias[c];
    made.float_bias.push_back(norm ? (own - norm->mean[c]) * factor + norm->beta[c] : own);
    require(std::isfinite(made.float_bias.back()), layer, ": the bias of output channel ", c, " must be finite (bias ",
            made.float_bias.back(), ")");
  }
  for (std::size_t c = 0; norm && c < outputs; ++c)
    view.for_each_run(static_cast<std::int64_t>(c), [&](std::int64_t at) {
      for (std::int64_t i = at; i < at + view.run; ++i)
        made.float_weight[static_cast<std::size_t>(i)] *= norm->factor[c];
    });
  quantize_weight(layer, view, bits, made);

  bool has_new_scales = false;
  for (std::size_t c = 0; c < outputs; ++c) {
    const kernels::ChannelBias chosen =
        kernels::channel_bias(input_scale, made.scales[c], made.float_bias[c],
                              kernels::channel_magnitude(view, static_cast<std::int64_t>(c), made.weight.data()));
    require(chosen.fits_int32(), layer, ": the bias ", made.float_bias[c], " of output channel ", c,
            " leaves 32 bits on any scale (input scale ", input_scale, ")");
    has_new_scales = has_new_scales || chosen.weight_scale != made.scales[c];
    made.scales[c] = chosen.weight_scale;
    made.bias.push_back(static_cast<std::int32_t>(chosen.integer));
  }
  if (has_new_scales) quantize_weight(layer, view, bits, made);
  return made;
}

}  // namespace octet
