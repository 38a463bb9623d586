// SPDX-License-Identifier: Apache-2.0
// How an int8 layer is shared out: into units of some images, some rows of one image, or some channels of a small one,
// so that a unit's int32 sums stay in a core's second cache until the epilogue has read them, and every thread has
// work. Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "octet/kernels/int8/int8_layer.h"

namespace octet::kernels {

/// A part of a layer, as a layer of its own, that units share.
struct Int8Part {
  Int8LayerShape shape;
  std::int64_t first_channel;  ///< of its weights

  friend bool operator==(const Int8Part&, const Int8Part&) = default;
};

struct Int8Unit {
  std::size_t part;
  std::int64_t x, position;  ///< where its input and its results begin, in values
};

struct Int8Cut {
  std::vector<Int8Unit> units;
  std::vector<Int8Part> parts;
};

/// `in_tiles`: units need not be small, because what runs them takes them in tiles.
Int8Cut cut_int8_layer(const Int8LayerShape& layer, std::int64_t threads, bool in_tiles);

}  // namespace octet::kernels
