// SPDX-License-Identifier: Apache-2.0
// The geometry of an int8 convolution, and its sums without int8 kernels. Private to the room.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "octet/kernels/float/conv.h"
#include "octet/kernels/onednn/onednn.h"

namespace octet::kernels {

/// A convolution seen from its input: what `s` calls output is the input of the transposed one.
struct Int8LayerShape {
  ConvKind kind = ConvKind::kPlain;
  ConvShape s;

  friend bool operator==(const Int8LayerShape&, const Int8LayerShape&) = default;
  bool plain() const { return kind == ConvKind::kPlain; }
  std::int64_t in_channels() const { return plain() ? s.ci : s.co; }
  std::int64_t in_rows() const { return plain() ? s.h : s.oh; }
  std::int64_t in_columns() const { return plain() ? s.w : s.ow; }
  std::int64_t in_image() const { return in_channels() * in_rows() * in_columns(); }
  std::int64_t out_channels() const { return plain() ? s.co : s.ci; }
  std::int64_t out_rows() const { return plain() ? s.oh : s.h; }
  std::int64_t out_columns() const { return plain() ? s.ow : s.w; }
  std::int64_t out_image() const { return out_channels() * out_rows() * out_columns(); }
  /// No output sums more products than this.
  std::int64_t products() const { return in_channels() / s.groups * s.kh * s.kw; }
};

/// Whether any window of a convolution reaches a pixel of the image; what lies in its padding alone sums to 0. True for
/// transposed ones.
bool sees_image(const Int8LayerShape& l);

/// So many products of a weight and an activation, before or after its zero point is taken off, int32 always holds.
inline constexpr std::int64_t kProductsInInt32 = std::numeric_limits<std::int32_t>::max() / (255 * 128);
/// Whether there could be sums that int32 does not hold (see int8_wide.h).
bool may_leave_int32(const Int8LayerShape& l);

/// Position of the weight between input channel k of its group and output channel c at tap (0, 0), in row-major
/// weights of the layer; its taps follow.
std::int64_t weight_position(const Int8LayerShape& l, std::int64_t k, std::int64_t c);

struct OutputPosition {
  std::int64_t n, row, column, channel;
};
/// sum of (q - zero_point) * w over the window of one output.
std::int64_t int8_scalar_sum(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point,
                             const std::int8_t* w, const OutputPosition& at);
/// All sums, channels-last.
void int8_scalar_sums(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point, const std::int8_t* w,
                      std::int32_t* acc);

/// Sums up to here are exact in floats, whatever their order.
inline constexpr std::int64_t kLargestFloatSum = std::int64_t{1} << 24;
/// All sums, channels-last, by a float convolution.
void int8_float_sums(const Int8LayerShape& l, const std::uint8_t* q, std::int32_t zero_point, const float* w,
                     float* acc);

/// What a zero point of 1 adds to every sum: the weights' sum over the taps that see the image and over the input
/// channels, [rows, columns, channels].
std::vector<std::int32_t> int8_sums_of_ones(const Int8LayerShape& l, const std::int8_t* w);

}  // namespace octet::kernels
