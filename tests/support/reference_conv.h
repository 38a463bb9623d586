// SPDX-License-Identifier: Apache-2.0
// Convolution and linear layers as written on paper: double precision, one loop per index, nothing clever.
#pragma once

#include <vector>

#include "octet/autograd/ops.h"
#include "support/array64.h"

namespace octet::test {

/// Row-major position in a 4-D array.
inline std::int64_t at(const Shape& s, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
  return ((a * s[1] + b) * s[2] + c) * s[3] + d;
}

inline bool inside(std::int64_t i, std::int64_t size) { return i >= 0 && i < size; }

/// in: x [N, Cin, H, W], w [Cout, Cin/groups, Kh, Kw], bias [Cout] or absent.
inline Array64 conv2d_reference(const std::vector<Array64>& in, const Conv2dParams& p) {
  const Array64 &x = in[0], &w = in[1], &bias = in[2];
  const std::int64_t cout = w.shape[0], cig = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  const std::int64_t height = x.shape[2], width = x.shape[3], cog = cout / p.groups;
  const std::int64_t oh = (height + 2 * p.padding.h - p.dilation.h * (kh - 1) - 1) / p.stride.h + 1;
  const std::int64_t ow = (width + 2 * p.padding.w - p.dilation.w * (kw - 1) - 1) / p.stride.w + 1;
  Array64 y = zeros64({x.shape[0], cout, oh, ow});
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t co = 0; co < cout; ++co)
      for (std::int64_t h = 0; h < oh; ++h)
        for (std::int64_t v = 0; v < ow; ++v) {
          double sum = bias.defined() ? bias[co] : 0;
          for (std::int64_t c = 0; c < cig; ++c)
            for (std::int64_t i = 0; i < kh; ++i)
              for (std::int64_t j = 0; j < kw; ++j) {
                const std::int64_t ih = h * p.stride.h - p.padding.h + i * p.dilation.h;
                const std::int64_t iw = v * p.stride.w - p.padding.w + j * p.dilation.w;
                if (inside(ih, height) && inside(iw, width))
                  sum += x[at(x.shape, n, co / cog * cig + c, ih, iw)] * w[at(w.shape, co, c, i, j)];
              }
          y[at(y.shape, n, co, h, v)] = sum;
        }
  return y;
}

/// in: x [N, Cin, H, W], w [Cin, Cout/groups, Kh, Kw], bias [Cout] or absent. Each input element stamps its kernel.
inline Array64 conv_transpose2d_reference(const std::vector<Array64>& in, const ConvTranspose2dParams& p) {
  const Array64 &x = in[0], &w = in[1], &bias = in[2];
  const std::int64_t cin = w.shape[0], cog = w.shape[1], kh = w.shape[2], kw = w.shape[3], cig = cin / p.groups;
  const std::int64_t height = x.shape[2], width = x.shape[3];
  const std::int64_t oh =
      (height - 1) * p.stride.h - 2 * p.padding.h + p.dilation.h * (kh - 1) + p.output_padding.h + 1;
  const std::int64_t ow = (width - 1) * p.stride.w - 2 * p.padding.w + p.dilation.w * (kw - 1) + p.output_padding.w + 1;
  Array64 y = zeros64({x.shape[0], cog * p.groups, oh, ow});
  for (std::int64_t i = 0; bias.defined() && i < y.size(); ++i) y[i] = bias[i / (oh * ow) % bias.size()];
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t ci = 0; ci < cin; ++ci)
      for (std::int64_t h = 0; h < height; ++h)
        for (std::int64_t v = 0; v < width; ++v)
          for (std::int64_t c = 0; c < cog; ++c)
            for (std::int64_t i = 0; i < kh; ++i)
              for (std::int64_t j = 0; j < kw; ++j) {
                const std::int64_t yh = h * p.stride.h - p.padding.h + i * p.dilation.h;
                const std::int64_t yw = v * p.stride.w - p.padding.w + j * p.dilation.w;
                if (inside(yh, oh) && inside(yw, ow))
                  y[at(y.shape, n, ci / cig * cog + c, yh, yw)] +=
                      x[at(x.shape, n, ci, h, v)] * w[at(w.shape, ci, c, i, j)];
              }
  return y;
}

/// in: x [..., in], w [out, in], bias [out] or absent.
inline Array64 linear_reference(const std::vector<Array64>& in) {
  const Array64 &x = in[0], &w = in[1], &bias = in[2];
  const std::int64_t from = w.shape[1], to = w.shape[0], rows = x.size() / from;
  Shape shape = x.shape;
  shape.back() = to;
  Array64 y = zeros64(shape);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t o = 0; o < to; ++o) {
      double sum = bias.defined() ? bias[o] : 0;
      for (std::int64_t i = 0; i < from; ++i) sum += x[r * from + i] * w[o * from + i];
      y[r * to + o] = sum;
    }
  return y;
}

/// The row of the unpadded image that row i of the padded one shows; -1 for zeros.
inline std::int64_t padding_source(std::int64_t i, std::int64_t size, PaddingMode mode) {
  if (inside(i, size)) return i;
  switch (mode) {
    case PaddingMode::kReflect:
      return i < 0 ? -i : 2 * (size - 1) - i;
    case PaddingMode::kReplicate:
      return i < 0 ? 0 : size - 1;
    case PaddingMode::kCircular:
      return i < 0 ? i + size : i - size;
    case PaddingMode::kZeros:
      break;
  }
  return -1;
}

inline Array64 pad2d_reference(const Array64& x, Size2 padding, PaddingMode mode) {
  const std::int64_t height = x.shape[2], width = x.shape[3];
  Array64 y = zeros64({x.shape[0], x.shape[1], height + 2 * padding.h, width + 2 * padding.w});
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t c = 0; c < x.shape[1]; ++c)
      for (std::int64_t h = 0; h < y.shape[2]; ++h)
        for (std::int64_t v = 0; v < y.shape[3]; ++v) {
          const std::int64_t from_h = padding_source(h - padding.h, height, mode);
          const std::int64_t from_w = padding_source(v - padding.w, width, mode);
          if (from_h >= 0 && from_w >= 0) y[at(y.shape, n, c, h, v)] = x[at(x.shape, n, c, from_h, from_w)];
        }
  return y;
}

}  // namespace octet::test
