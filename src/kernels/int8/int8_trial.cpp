// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_trial.h"

#include "octet/base/error.h"
#include "octet/base/rng.h"

namespace octet::kernels {

Int8Trial::Int8Trial(const Int8LayerShape& l, bool has_zero_point)
    : layer(l),
      zero_point(has_zero_point ? 117 : 0),
      x(static_cast<std::size_t>(l.s.n * l.in_image())),
      w(static_cast<std::size_t>(l.s.weight_count())) {
  Rng rng(2026);
  for (std::uint8_t& q : x) q = static_cast<std::uint8_t>(rng.below(4) == 0 ? rng.below(256) : 255 - rng.below(2));
  const std::int64_t taps = l.s.kh * l.s.kw;
  for (std::int64_t c = 0; c < l.out_channels(); ++c)
    for (std::int64_t k = 0; k < l.products() / taps; ++k)
      for (std::int64_t t = 0; t < taps; ++t)
        w[static_cast<std::size_t>(weight_position(l, k, c) + t)] =
            static_cast<std::int8_t>(c % 3 == 0   ? 127
                                     : c % 3 == 1 ? -128
                                                  : static_cast<int>(rng.below(256)) - 128);
}

bool Int8Trial::passes(const std::function<bool(std::int64_t, std::int64_t)>& is_sum) const {
  constexpr std::int64_t kFewOutputs = 4096;
  const std::int64_t channels = layer.out_channels(), pixels = layer.s.n * layer.out_rows() * layer.out_columns();
  const std::int64_t step = pixels * channels <= kFewOutputs ? 1 : channels;
  for (std::int64_t i = 0; i < pixels; ++i)
    for (std::int64_t c = step == 1 ? 0 : i * 7 % channels; c < channels; c += step) {
      const std::int64_t row = i / layer.out_columns();
      const OutputPosition at{row / layer.out_rows(), row % layer.out_rows(), i % layer.out_columns(), c};
      if (!is_sum(i * channels + c, int8_scalar_sum(layer, x.data(), zero_point, w.data(), at))) return false;
    }
  return true;
}

bool trusts_float_sums(const Int8LayerShape& layer) {
  static Findings<Int8LayerShape, bool> findings(kFindings);
  return *findings.get(layer, [&] {
    Int8Trial trial(layer, false);
    for (std::uint8_t& q : trial.x) q %= 16;  // small, so that all sums are exact
    for (std::int8_t& w : trial.w) w /= 16;
    const std::vector<float> weights(trial.w.begin(), trial.w.end());
    std::vector<float> sums(static_cast<std::size_t>(layer.s.n * layer.out_image()), 0.5F);
    try {
      int8_float_sums(layer, trial.x.data(), 0, weights.data(), sums.data());
    } catch (const Error&) {  // none was made
      return false;
    } catch (const dnnl::error&) {  // one was made, but does not run
      return false;
    }
    return trial.passes([&](std::int64_t position, std::int64_t sum) {
      return sums[static_cast<std::size_t>(position)] == static_cast<float>(sum);
    });
  });
}

}  // namespace octet::kernels
