// SPDX-License-Identifier: Apache-2.0
// The inner loops of Int8Direct. Private to the room.
#pragma once

#include <cstdint>

namespace octet::kernels {

inline constexpr std::int64_t kBlockPixels = 8, kBlockChannels = 32;

/// Some pixels that lie side by side in a row and share what is loaded.
struct Int8DirectForm {
  std::int64_t pixels, channels;  // 1 .. kBlockPixels, 1 .. kBlockChannels
  bool three;                     // a window is three pixels wide and `step` is one pixel
  bool left_edge, right_edge;     // if `three`: the first pixel of the first, the last of the last window is not there

  friend bool operator==(const Int8DirectForm&, const Int8DirectForm&) = default;
};

/// Weights that will be needed next, asked for while others are used. What was asked for already is left out.
struct WeightsAhead {
  const std::int8_t *begin, *end;
};

/// Blocks of one form that see the same rows of the kernel: `columns` side by side in each of `rows`. Going from one to
/// the next within a call is free; a call costs 40 to 80 cycles in which nothing is multiplied.
struct Int8DirectBlocks {
  std::int64_t columns, rows;
  const std::uint8_t* x;
  std::int64_t at;                   // where in x the first window begins; before x if what lies there is left out
  std::int64_t row;                  // bytes from the windows of a row to those of the one below
  std::int64_t pitch, step;          // bytes from one row of a window to the next, from one pixel's window to the next
  const std::int8_t* w;              // [kernel_rows][groups][channels, rounded up to 16][4]
  std::int64_t kernel_rows, groups;  // of a window; a group is four bytes
  const std::int32_t* start;         // what the sums begin with, one per channel; null: 0
  std::int32_t* acc;
  std::int64_t acc_row, acc_channels;  // from one row of results to the next, from one pixel to the next
};

/// acc = start + sums of x * w over the windows. Needs AVX-512 VNNI. Returns what is still to be asked for.
WeightsAhead int8_direct_blocks(const Int8DirectForm& form, const Int8DirectBlocks& blocks, WeightsAhead ahead);

}  // namespace octet::kernels
