// SPDX-License-Identifier: Apache-2.0
// What follows the sums of an int8 layer, in one pass over them:
//
//   y = (float(acc) + bias[c]) * scale[c]          each step rounded
//   y = dequantize(quantize(y))                    if `inner` is there
//   y = y + residual                               float, or dequantized
//   y = y < low ? low : y > high ? high : y
//   result: y, or quantize(y), or both
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

struct Int8Epilogue {
  enum class Residual { kNone, kQuantized, kFloat };

  std::vector<float> bias, scale;  ///< one per output channel; bias holds whole numbers
  std::optional<Int8Scale> inner;
  Residual residual = Residual::kNone;
  Int8Scale residual_scale{1.0F, 0};
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  bool keeps_float = false;         ///< y is wanted
  std::optional<Int8Scale> output;  ///< quantize(y) is wanted

  friend bool operator==(const Int8Epilogue&, const Int8Epilogue&) = default;
};

/// The tensors that an epilogue reads and writes, channels-last; null where it has none.
struct Int8Results {
  const void* residual = nullptr;  ///< u8 or float
  float* y = nullptr;
  std::uint8_t* q = nullptr;
};

/// Sums of `rows` pixels that lie side by side; in the results they begin at `position`.
struct Int8Tile {
  const std::int32_t* acc;
  std::int64_t rows, position;
  const float* rounded = nullptr;  ///< in place of acc, which is null: float(acc), where int32 does not hold acc
};

/// Some channels of a layer.
struct ChannelRange {
  std::int64_t first, width;
};

/// See find_byte_sum().
struct ByteSum {
  float level, residual, constant;
};

/// An epilogue made ready for the sums of some channels. Results have `channels` in all.
class Int8Finisher {
 public:
  /// No sum is larger than `largest_sum` in magnitude. `correction` is added to the sums, per channel of the range; it
  /// may be empty.
  Int8Finisher(const Int8Epilogue& epilogue, const ChannelRange& range, std::int64_t channels, std::int64_t largest_sum,
               const std::vector<std::int32_t>& correction);
  void operator()(const Int8Tile& tile, const Int8Results& results) const;

  /// From now on the sums that it is given are on top of what this returns, one value per channel of the range, because
  /// whoever sums can have that for nothing. Empty if there is nothing to leave.
  std::vector<std::int32_t> leave_to_the_sums();

  /// Everything that the loops need to know. Per-channel values are repeated so that whole vectors see whole periods.
  struct Plan {
    std::int64_t width, pitch;         ///< values of a pixel in the sums and in the results
    std::int64_t vectors;              ///< handled together, 16 lanes each
    std::int64_t period, period_rows;  ///< values and rows after which the channels repeat
    std::vector<float> bias, scale;    ///< a period each
    std::vector<std::int32_t> correction;
    bool ready;  ///< sums have bias and correction in them
    bool has_inner, clamps_low, clamps_high, keeps_float, has_output;
    Int8Epilogue::Residual residual;
    Int8Scale inner, residual_scale, output;
    float low, high;
    bool moderate;  ///< y is always a number of steps that int32 holds
    bool has_byte_sum;
    ByteSum byte_sum;
  };
  const Plan& plan() const { return plan_; }

 private:
  Plan plan_;
  bool fast_;
  bool is_exact_;  // sums with bias and correction are whole numbers that float holds
};

}  // namespace octet::kernels
