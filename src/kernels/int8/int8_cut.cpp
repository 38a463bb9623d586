// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_cut.h"

#include <algorithm>

namespace octet::kernels {
namespace {

constexpr std::int64_t kTileBytes = std::int64_t{256} << 10;  // of a unit's sums
constexpr std::int64_t kSmallImage = 256;                     // pixels; too few rows to share out fairly
constexpr std::int64_t kChannelBlock = 64;

void add(Int8Cut& cut, const Int8Part& part, std::int64_t x, std::int64_t position) {
  auto found = std::ranges::find(cut.parts, part);
  if (found == cut.parts.end()) found = cut.parts.insert(cut.parts.end(), part);
  cut.units.push_back({static_cast<std::size_t>(found - cut.parts.begin()), x, position});
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Int8Cut cut_images(const Int8LayerShape& l, std::int64_t images) {
  Int8Cut cut;
  for (std::int64_t n = 0; n < l.s.n; n += images) {
    Int8Part part{l, 0};
    part.shape.s.n = std::min(images, l.s.n - n);
    add(cut, part, n * l.in_image(), n * l.out_image());
  }
  return cut;
}

Int8Cut cut_channels(const Int8LayerShape& l, std::int64_t channels) {
  Int8Cut cut;
  for (std::int64_t n = 0; n < l.s.n; ++n)
    for (std::int64_t c = 0; c < l.s.co; c += channels) {
      Int8Part part{l, c};
      part.shape.s.n = 1;
      part.shape.s.co = std::min(channels, l.s.co - c);
      add(cut, part, n * l.in_image(), n * l.out_image() + c);
    }
  return cut;
}

// Output rows begin .. end - 1 as a convolution of the input rows that they see.
Int8Cut cut_rows(const Int8LayerShape& l, std::int64_t rows) {
  Int8Cut cut;
  const ConvShape& s = l.s;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t begin = 0; begin < s.oh; begin += rows) {
      const std::int64_t end = std::min(begin + rows, s.oh);
      const std::int64_t top = begin * s.stride.h - s.padding.h;
      const std::int64_t bottom = (end - 1) * s.stride.h - s.padding.h + s.dilation.h * (s.kh - 1) + 1;
      const std::int64_t first = std::clamp<std::int64_t>(top, 0, s.h - 1);
      const std::int64_t last = std::clamp<std::int64_t>(bottom, first + 1, s.h);
      Int8Part part{l, 0};
      part.shape.s.n = 1;
      part.shape.s.h = last - first;
      part.shape.s.oh = end - begin;
      part.shape.s.padding.h = first - top;
      add(cut, part, n * l.in_image() + first * s.w * s.ci, n * l.out_image() + begin * s.ow * s.co);
    }
  return cut;
}

}  // namespace

Int8Cut cut_int8_layer(const Int8LayerShape& l, std::int64_t threads, bool in_tiles) {
  const ConvShape& s = l.s;
  const std::int64_t image_bytes = l.out_image() * static_cast<std::int64_t>(sizeof(std::int32_t));
  const std::int64_t pieces = in_tiles ? 1 : ceil_div(image_bytes, 2 * kTileBytes);
  const std::int64_t parts = std::max(pieces, ceil_div(threads, s.n));
  if (!l.plain() || parts == 1)
    return cut_images(l, std::clamp<std::int64_t>(kTileBytes / image_bytes, 1, ceil_div(s.n, threads)));
  const std::int64_t channels = ceil_div(ceil_div(s.co, parts), kChannelBlock) * kChannelBlock;
  if (s.oh * s.ow <= kSmallImage && s.groups == 1 && channels < s.co) return cut_channels(l, channels);
  return cut_rows(l, ceil_div(s.oh, parts));
}

}  // namespace octet::kernels
