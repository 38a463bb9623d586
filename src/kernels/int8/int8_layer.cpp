// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_layer.h"

#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"

namespace octet::kernels {
namespace {

// Calls f(input row, input column, weight row, weight column) for each tap of output (y, x) that sees the image.
template <typename F>
void for_taps(const Int8LayerShape& l, std::int64_t y, std::int64_t x, const F& f) {
  const ConvShape& s = l.s;
  for (std::int64_t i = 0; i < s.kh; ++i)
    for (std::int64_t j = 0; j < s.kw; ++j) {
      if (l.plain()) {
        const std::int64_t h = y * s.stride.h - s.padding.h + i * s.dilation.h;
        const std::int64_t w = x * s.stride.w - s.padding.w + j * s.dilation.w;
        if (h >= 0 && h < s.h && w >= 0 && w < s.w) f(h, w, i, j);
      } else {
        const std::int64_t h = y + s.padding.h - i * s.dilation.h, w = x + s.padding.w - j * s.dilation.w;
        if (h < 0 || w < 0 || h % s.stride.h != 0 || w % s.stride.w != 0) continue;
        if (h / s.stride.h < s.oh && w / s.stride.w < s.ow) f(h / s.stride.h, w / s.stride.w, i, j);
      }
    }
}

// On one axis: whether any of `out` windows reaches one of `size` pixels.
bool reaches(std::int64_t size, std::int64_t out, std::int64_t k, std::int64_t stride, std::int64_t padding,
             std::int64_t dilation) {
  const std::int64_t span = dilation * (k - 1) + 1;
  for (std::int64_t i = 0; i < out; ++i)
    if (i * stride - padding < size && i * stride - padding + span > 0) return true;
  return false;
}

}  // namespace

bool sees_image(const Int8LayerShape& l) {
  const ConvShape& s = l.s;
  return !l.plain() || (reaches(s.h, s.oh, s.kh, s.stride.h, s.padding.h, s.dilation.h) &&
                        reaches(s.w, s.ow, s.kw, s.stride.w, s.padding.w, s.dilation.w));
}

bool may_leave_int32(const Int8LayerShape& l) { return l.products() > kProductsInInt32; }

std::int64_t weight_position(const Int8LayerShape& l, std::int64_t k, std::int64_t c) {
  const ConvShape& s = l.s;
  const std::int64_t taps = s.kh * s.kw;
  if (l.plain()) return (c * (s.ci / s.groups) + k) * taps;
  const std::int64_t per_group = s.ci / s.groups, group = c / per_group;
  return ((group * (s.co / s.groups) + k) * per_group + c % per_group) * taps;
}

std::int64_t int8_scalar_sum(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point,
                             const std::int8_t* w, const OutputPosition& at) {
  const std::int64_t channels = l.in_channels(), per_group = channels / l.s.groups;
  const std::int64_t first = at.channel / (l.out_channels() / l.s.groups) * per_group;
  const std::uint8_t* const image = q + at.n * l.in_image();
  const std::int64_t position = weight_position(l, 0, at.channel), step = weight_position(l, 1, at.channel) - position;
  std::int64_t sum = 0;
  for_taps(l, at.row, at.column, [&](std::int64_t h, std::int64_t v, std::int64_t i, std::int64_t j) {
    const std::uint8_t* const pixel = image + (h * l.in_columns() + v) * channels + first;
    const std::int8_t* const weight = w + position + i * l.s.kw + j;
    for (std::int64_t k = 0; k < per_group; ++k) sum += std::int64_t{pixel[k] - zero_point} * weight[k * step];
  });
  return sum;
}

void int8_scalar_sums(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point, const std::int8_t* w,
                      std::int32_t* acc) {
  const std::int64_t channels = l.out_channels();
  parallel_range(l.s.n * l.out_rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    std::int32_t* sum = acc + begin * l.out_columns() * channels;
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t column = 0; column < l.out_columns(); ++column)
        for (std::int64_t c = 0; c < channels; ++c)
          *sum++ = static_cast<std::int32_t>(
              int8_scalar_sum(l, q, zero_point, w, {row / l.out_rows(), row % l.out_rows(), column, c}));
  });
}

void int8_float_sums(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point, const float* w,
                     float* acc) {
  const std::int64_t inputs = l.s.n * l.in_image();
  const Buffer values = Buffer::floats(inputs);
  dequantize(inputs, {1.0F, zero_point}, q, values.floats());
  if (l.plain())
    conv_forward(l.s, values.floats(), w, nullptr, acc);
  else
    conv_backward_data(l.s, w, values.floats(), acc);
}

std::vector<std::int32_t> int8_sums_of_ones(const Int8LayerShape& l, const std::int8_t* w) {
  const std::int64_t channels = l.out_channels(), per_group = l.in_channels() / l.s.groups, taps = l.s.kh * l.s.kw;
  std::vector<std::int32_t> tap_sums(static_cast<std::size_t>(taps * channels));
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < per_group; ++k)
      for (std::int64_t t = 0; t < taps; ++t)
        tap_sums[static_cast<std::size_t>(t * channels + c)] += w[weight_position(l, k, c) + t];
  std::vector<std::int32_t> sums(static_cast<std::size_t>(l.out_image()));
  for (std::int64_t y = 0; y < l.out_rows(); ++y)
    for (std::int64_t x = 0; x < l.out_columns(); ++x) {
      std::int32_t* const sum = sums.data() + (y * l.out_columns() + x) * channels;
      for_taps(l, y, x, [&](std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
        const std::int32_t* const tap = tap_sums.data() + (i * l.s.kw + j) * channels;
        for (std::int64_t c = 0; c < channels; ++c) sum[c] += tap[c];
      });
    }
  return sums;
}

}  // namespace octet::kernels
