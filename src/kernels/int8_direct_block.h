// SPDX-License-Identifier: Apache-2.0
// The inner loops of Int8Direct. Private to the room.
#pragma once

#include <cstdint>

namespace octet::kernels {

inline constexpr std::int64_t kBlockPixels = 8, kBlockChannels = 32;
inline constexpr std::int64_t kCacheLine = 64;

struct Int8DirectBlock {
  const std::uint8_t* x;
  std::int64_t at;            // where in x the first pixel's window begins; before x if what lies there is left out
  std::int64_t pitch, step;   // bytes from one row of a window to the next, from one pixel's window to the next
  const std::int8_t* w;       // [rows][groups][channels, rounded up to 16][4]
  const std::int8_t* soon;    // will be read next; int8_direct_asks() tells how much of it is fetched
  std::int64_t rows, groups;  // of a window; a group is four bytes
  const std::int32_t* start;  // what the sums begin with, one per channel; null: 0
  std::int32_t* acc;
  std::int64_t channels;  // of acc, from one pixel to the next
};

struct Int8DirectForm {
  std::int64_t pixels, channels;  // 1 .. kBlockPixels, 1 .. kBlockChannels
  bool three;                     // a window is three pixels wide and `step` is one pixel
  bool left_edge, right_edge;     // if `three`: the first pixel of the first, the last of the last window is not there
};

/// Bytes of weights that a block has fetched while it multiplies: a cache line for each step of its loop.
inline std::int64_t int8_direct_asks(const Int8DirectForm& form, const Int8DirectBlock& block) {
  return block.rows * block.groups / (form.three ? 3 : 1) * kCacheLine;
}

/// acc = start + sums of x * w over the windows of some pixels that lie side by side in a row. Needs AVX-512 VNNI.
void int8_direct_block(const Int8DirectForm& form, const Int8DirectBlock& block);

}  // namespace octet::kernels
