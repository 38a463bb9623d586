// SPDX-License-Identifier: Apache-2.0
// In order of preference:
//   direct   our own kernel (int8_direct.h)
//   oneDNN   one primitive, with its own zero point, or with the zero point's share taken off afterwards
//   split    one primitive in halves
//   float32  integers in a float convolution, where sums stay below 2^24
//   loop     the scalar loop
// What a primitive without zero points leaves out is ours, and needs no trial.
#include "octet/kernels/int8/int8_part.h"

#include <algorithm>
#include <utility>

#include "octet/kernels/core/simd.h"
#include "octet/kernels/int8/int8_made.h"
#include "octet/kernels/int8/int8_trial.h"

namespace octet::kernels {
namespace {

OCTET_CLONES void add_integers(std::int64_t n, const std::int32_t* more, std::int32_t* acc) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] += more[i];
}

bool direct_computes_exactly(const Int8LayerShape& l, bool has_zero_point) {
  const Int8Trial trial(l, has_zero_point);
  const Int8Direct direct(l, trial.zero_point,
                          std::make_shared<const Int8DirectWeights>(l, trial.zero_point, trial.w.data()));
  const std::int64_t channels = l.out_channels();
  std::vector<std::int64_t> sums(static_cast<std::size_t>(l.s.n * l.out_image()));
  direct.run(trial.x.data(), nullptr, [&](const std::int32_t* acc, std::int64_t pixels, std::int64_t first) {
    std::copy_n(acc, pixels * channels, sums.begin() + first * channels);
  });
  return trial.passes([&](std::int64_t position, std::int64_t sum) {
    const std::int64_t correction =
        direct.correction().empty() ? 0 : direct.correction()[static_cast<std::size_t>(position % channels)];
    return sums[static_cast<std::size_t>(position)] + correction == sum;
  });
}

// Two images of the layer, and where these are large some rows and columns of one: the same code runs for all sizes, so
// that a trial need not take as much memory as the layer, and one serves all batches.
Int8LayerShape trial_piece(Int8LayerShape l) {
  constexpr std::int64_t kMost = 1 << 20;  // values of the input, and of the results
  const auto cut = [](std::int64_t most, std::int64_t& in, std::int64_t& out, std::int64_t span, std::int64_t stride,
                      std::int64_t padding) {
    out = std::clamp<std::int64_t>(most, 1, out);
    in = std::clamp<std::int64_t>((out - 1) * stride + span - padding, 1, in);
  };
  ConvShape& s = l.s;
  s.n = std::min<std::int64_t>(s.n, 2);
  if (s.n * std::max(l.in_image(), l.out_image()) <= kMost) return l;
  s.n = 1;
  const std::int64_t row = std::max(s.w * s.ci * s.stride.h, s.ow * s.co);
  cut(kMost / row, s.h, s.oh, s.dilation.h * (s.kh - 1) + 1, s.stride.h, s.padding.h);
  const std::int64_t pixel = std::max(s.ci * s.stride.w, s.co);
  if (row > kMost) cut(kMost / pixel, s.w, s.ow, s.dilation.w * (s.kw - 1) + 1, s.stride.w, s.padding.w);
  return l;
}

bool trusts_direct(const Int8LayerShape& whole, bool has_zero_point) {
  const Int8LayerShape layer = trial_piece(whole);
  static Findings<std::pair<Int8LayerShape, bool>, bool> findings(kFindings);
  return Int8Direct::suits(layer) &&
         *findings.get({layer, has_zero_point}, [&] { return direct_computes_exactly(layer, has_zero_point); });
}

}  // namespace

Int8PartSums::Int8PartSums(const Int8LayerShape& part, const Int8LayerShape& layer, std::int64_t first,
                           const Int8Shared& shared, std::int64_t largest_sum)
    : layer_(part), zero_point_(shared.zero_point()), weights_(shared.weights()->data() + first * layer.products()) {
  // Rows of padding alone are no convolution that oneDNN takes. The loop has nothing to add up there.
  if (!sees_image(layer_)) return;
  if (trusts_direct(layer_, zero_point_ != 0)) {
    direct_.emplace(layer_, zero_point_, shared.made().direct([&] {
      return std::make_shared<const Int8DirectWeights>(layer, zero_point_, shared.weights()->data());
    }),
                    first);
    correction_ = direct_->correction();
  } else if (const Int8PrimitivePtr primitive = choose_primitive()) {
    primitive_.emplace(primitive, zero_point_, shared.made().packed(first, primitive->conv.weights, [&] {
      return pack_weights(*primitive, weights_);
    }));
    if (zero_point_ != 0 && !primitive->form.zero_point) take_zero_point_off();
  } else if (largest_sum <= kLargestFloatSum && trusts_float_sums(layer_)) {
    float_weights_.assign(weights_, weights_ + layer_.s.weight_count());
  }
}

std::int64_t Int8PartSums::own_bytes() const {
  const auto bytes = [](const auto& values) {
    return std::ssize(values) * static_cast<std::int64_t>(sizeof(values[0]));
  };
  return static_cast<std::int64_t>(sizeof *this) + bytes(correction_) + bytes(float_weights_) + bytes(border_.pixels) +
         bytes(border_.values) + (direct_ ? direct_->own_bytes() : 0);
}

Int8PrimitivePtr Int8PartSums::choose_primitive() const {
  const Int8PrimitivePtr simple = trusted_int8_primitive(layer_, {});
  if (zero_point_ != 0) {
    // oneDNN's best kernels do not know zero points for every shape; where they do, small images have much border.
    const Int8PrimitivePtr knowing = trusted_int8_primitive(layer_, {.zero_point = true});
    const auto is_best = [](const Int8PrimitivePtr& p) {
      return p && p->conv.implementation.find("brg") != std::string::npos;
    };
    if (knowing && (is_best(knowing) || !is_best(simple))) return knowing;
  }
  return simple ? simple : trusted_int8_primitive(layer_, {.in_halves = true});
}

// A zero point that the primitive does not know adds the same to the sums of most pixels: that, taken off, is the
// correction.
void Int8PartSums::take_zero_point_off() {
  const std::vector<std::int32_t> ones = int8_sums_of_ones(layer_, weights_);
  const std::int64_t channels = layer_.out_channels(), rows = layer_.out_rows(), columns = layer_.out_columns();
  const std::int32_t* const middle = ones.data() + (rows / 2 * columns + columns / 2) * channels;
  for (std::int64_t c = 0; c < channels; ++c) correction_.push_back(-zero_point_ * middle[c]);
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const std::int32_t* const here = ones.data() + i * channels;
    if (std::equal(here, here + channels, middle)) continue;
    border_.pixels.push_back(i);
    for (std::int64_t c = 0; c < channels; ++c) border_.values.push_back(zero_point_ * (middle[c] - here[c]));
  }
}

void Int8PartSums::compute_as_floats(const std::uint8_t* x, std::int32_t* acc) const {
  const Buffer sums = Buffer::floats(outputs());
  int8_float_sums(layer_, x, zero_point_, float_weights_.data(), sums.floats());
  std::transform(sums.floats(), sums.floats() + outputs(), acc, [](float f) { return static_cast<std::int32_t>(f); });
}

void Int8PartSums::compute(const std::uint8_t* x, std::int32_t* acc) const {
  if (!float_weights_.empty()) return compute_as_floats(x, acc);
  if (!primitive_) return int8_scalar_sums(layer_, x, zero_point_, weights_, acc);
  primitive_->run(x, acc);
  const std::int64_t channels = layer_.out_channels();
  for (std::int64_t n = 0; n < layer_.s.n; ++n, acc += layer_.out_image())
    for (std::size_t i = 0; i < border_.pixels.size(); ++i)
      add_integers(channels, border_.values.data() + static_cast<std::int64_t>(i) * channels,
                   acc + border_.pixels[i] * channels);
}

std::string Int8PartSums::implementation() const {
  if (direct_) return "direct:avx512_vnni";
  if (primitive_) return primitive_->primitive().name();
  return float_weights_.empty() ? "loop" : "float32";
}

}  // namespace octet::kernels
