// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/int8_constants.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "octet/base/error.h"
#include "octet/kernels/quantize/channel_bias.h"
#include "octet/kernels/quantize/fake_quant.h"

namespace octet::deploy {
namespace {

// How the weights of each output channel lie, and how many there are of those.
kernels::ChannelView channels_of(const Int8Conv& conv) {
  const kernels::ConvShape& s = conv.shape;
  if (conv.transposed) return {s.groups, s.co / s.groups, s.ci / s.groups, s.kh * s.kw};
  return {1, 1, s.co, s.ci / s.groups * s.kh * s.kw};
}

template <typename F>
void for_weights(const kernels::ChannelView& view, std::size_t channel, const F& f) {
  view.for_each_run(static_cast<std::int64_t>(channel), [&](std::int64_t at) {
    for (std::int64_t i = at; i < at + view.run; ++i) f(static_cast<std::size_t>(i));
  });
}

// q stands for q * from, and soon for q * to.
std::int8_t rescaled(std::int8_t q, float from, float to) {
  return static_cast<std::int8_t>(std::clamp(std::nearbyint(static_cast<float>(q) * from / to), -128.0F, 127.0F));
}

}  // namespace

void set_int8_constants(Int8Conv& conv, float input_scale, const QuantizedConstant& weight,
                        const ConstantReader& constants, int bias, SharedConstants& shared) {
  const kernels::ChannelView view = channels_of(conv);
  const auto channels = static_cast<std::size_t>(view.outputs());
  // Weights of a transposed convolution in groups have one scale for the same channel of every group.
  const auto weight_scale = [&](std::size_t c) { return weight.scales[c % weight.scales.size()]; };
  std::vector<float>& scales = conv.epilogue.scale;
  for (std::size_t c = 0; c < channels; ++c) {
    scales.push_back(input_scale * weight_scale(c));
    require(std::isfinite(scales[c]), "the scales ", input_scale, " of the input and ", weight_scale(c), " of channel ",
            c, " have a product that is not finite");
  }
  conv.epilogue.bias.assign(channels, 0.0F);
  if (bias < 0) return;
  if (const auto integers = constants.integer_bias(bias, scales)) {
    conv.epilogue.bias = *integers;
    return;
  }
  const std::vector<float> values = constants.floats(bias);
  require(values.size() == channels, "the bias must have ", channels, " values, has ", values.size());
  std::map<std::size_t, float> changed;  // the new weight scale of a channel
  for (std::size_t c = 0; c < channels; ++c) {
    const std::int64_t sum = kernels::channel_magnitude(view, static_cast<std::int64_t>(c), conv.weights->data());
    const kernels::ChannelBias chosen = kernels::channel_bias(input_scale, weight_scale(c), values[c], sum);
    require(chosen.fits_int32(), "the bias ", values[c], " of channel ", c, " does not fit int32 on any scale");
    conv.epilogue.bias[c] = chosen.integer;
    if (chosen.weight_scale == weight_scale(c)) continue;
    scales[c] = input_scale * chosen.weight_scale;
    changed[c] = chosen.weight_scale;
  }
  if (changed.empty()) return;
  std::vector<float> changes;
  for (const auto& [channel, to] : changed)
    changes.insert(changes.end(), {static_cast<float>(channel), weight_scale(channel), to});
  conv.weights = shared.rescaled(conv.weights, changes, [&] {
    std::vector<std::int8_t> weights = *conv.weights;
    for (const auto& [channel, to] : changed)
      for_weights(view, channel,
                  [&, c = channel, s = to](std::size_t i) { weights[i] = rescaled(weights[i], weight_scale(c), s); });
    return std::make_shared<const std::vector<std::int8_t>>(std::move(weights));
  });
}

}  // namespace octet::deploy
