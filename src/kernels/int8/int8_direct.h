// SPDX-License-Identifier: Apache-2.0
// Int8 convolution in AVX-512 VNNI without a primitive. oneDNN's kernels multiply at the same rate, but spend a sixth
// of a small layer's time between their blocks, and their sums have left the first cache when the epilogue reads them.
// Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/int8/int8_layer.h"

namespace octet::kernels {

/// The weights of a layer in the order in which Int8Direct reads them: they serve images of any size.
struct Int8DirectWeights {
  /// `weights` row-major.
  Int8DirectWeights(const Int8LayerShape& layer, std::int32_t zero_point, const std::int8_t* weights);

  std::shared_ptr<const void> packed;
  std::vector<std::int32_t> correction;  ///< see Int8Direct
};

class Int8Direct {
 public:
  /// Whether the machine, as far as oneDNN may use it, and the layer allow it: a convolution in one group whose window
  /// is not dilated along a row.
  static bool suits(const Int8LayerShape& layer);

  /// `layer` has output channels first, first + 1, ... of those that `weights` are for. `first` is a multiple of 32.
  Int8Direct(const Int8LayerShape& layer, std::int32_t zero_point, std::shared_ptr<const Int8DirectWeights> weights,
             std::int64_t first = 0);

  /// What the sums lack because they do not know the zero point, one per channel; empty where that is 0.
  const std::vector<std::int32_t>& correction() const { return correction_; }

  /// Bytes that this takes besides the weights.
  std::int64_t own_bytes() const { return std::ssize(tiles_) * static_cast<std::int64_t>(sizeof(Tile)); }

  /// Calls done(acc, pixels, first): the sums of pixels first .. first + pixels - 1, all channels side by side, on top
  /// of `start`, one value per channel or null.
  template <typename F>
  void run(const std::uint8_t* x, const std::int32_t* start, const F& done) const {
    Buffer large;
    auto* const acc = static_cast<std::int32_t*>(scratch(large));
    auto* const copy = reinterpret_cast<std::uint8_t*>(acc + sums());
    for (const Tile& tile : tiles_) {
      compute(tile, view(tile, x, copy), start, acc);
      done(acc, tile.rows * tile.columns, tile.first);
    }
  }

 private:
  // Some rows of results, or a part of one.
  struct Tile {
    std::int64_t image, row, rows, column, columns;
    std::int64_t first;  // pixel, counted over all images
  };
  // Where the windows of a tile lie: in the input, or in a copy with its padding.
  struct View {
    const std::uint8_t* x;
    std::int64_t first;       // where in x the tile's first window begins
    std::int64_t pitch;       // bytes from a row of a window to the next
    std::int64_t row, pixel;  // bytes from the window of a pixel to that of the one below, to that of the next
  };

  void cut();
  // Of a tile, with the room that keeps what follows aligned.
  std::int64_t sums() const { return (tile_pixels_ * layer_.out_channels() + 15) / 16 * 16; }
  // Memory for the sums of a tile and the copy of its input. It is the thread's own, from run to run: for some
  // microseconds' work threads should not meet in the pool. Where it takes much it is `large`.
  void* scratch(Buffer& large) const;
  std::int64_t input_row(std::int64_t row) const { return row * layer_.s.stride.h - layer_.s.padding.h; }
  std::int64_t tile_input_rows(std::int64_t rows) const {
    return (rows - 1) * layer_.s.stride.h + (layer_.s.kh - 1) * layer_.s.dilation.h + 1;
  }
  std::int64_t tile_input_columns(std::int64_t columns) const {
    return (columns - 1) * layer_.s.stride.w + layer_.s.kw;
  }
  // Which rows of the kernel see the image.
  std::pair<std::int64_t, std::int64_t> kernel_rows(std::int64_t row) const;
  View view(const Tile& tile, const std::uint8_t* x, std::uint8_t* scratch) const;
  void copy(const Tile& tile, const std::uint8_t* image, std::uint8_t* to) const;
  template <typename F>
  void for_blocks(const Tile& tile, std::int64_t channels, const F& f) const;
  void compute(const Tile& tile, const View& view, const std::int32_t* start, std::int32_t* acc) const;

  Int8LayerShape layer_;
  std::int32_t zero_point_;
  std::int64_t groups_ = 0;                      // of four bytes, in a window's row
  bool three_ = false;                           // see Int8DirectForm
  bool left_edge_ = false, right_edge_ = false;  // windows reach beyond the image, by a pixel that is left out
  bool copies_ = false;
  std::int64_t tile_pixels_ = 0, copied_bytes_ = 0;
  std::vector<Tile> tiles_;
  std::vector<std::int32_t> correction_;
  std::shared_ptr<const Int8DirectWeights> weights_;
  const std::int8_t* first_weights_ = nullptr;
  std::int64_t packed_bytes_ = 0;
};

}  // namespace octet::kernels
