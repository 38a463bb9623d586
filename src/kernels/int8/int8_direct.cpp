// SPDX-License-Identifier: Apache-2.0
// A convolution without im2col: the image is read where it lies.
//
//   image, channels-last                  weights, packed                          sums of a block
//
//   row    [p0 p1 p2 p3 p4 p5 ...]        for each four bytes of a window:         8 pixels x 32 channels,
//   row+1  [p0 p1 p2 p3 p4 p5 ...]        32 channels x 4 bytes                    16 registers of 16 int32
//   row+2  [p0 p1 p2 p3 p4 p5 ...]
//           `----.---'
//           a window's row: kw * channels bytes side by side, whatever the number of channels,
//           taken four at a time; each four are multiplied with 32 channels at once (vpdpbusd)
//
// From large to small: a layer is cut into *tiles*, some rows or a piece of one, whose sums stay in the second cache
// (cut); a tile goes through the channels 32 at a time, so that a block's weights are used for the whole tile
// (compute); a tile's row is a run of *blocks* of up to eight pixels (for_blocks); a block is one loop over the window,
// its sums in registers (int8_direct_block.cpp).
//
// Padding is not multiplied where it is zero: rows above and below are left out (kernel_rows), and of a window that is
// padded by one pixel on the left or right that pixel (left_edge_, right_edge_). Else tiles read a copy of their rows
// with the padding in it (copy); so they do where a window's row is no multiple of four bytes.
#include "octet/kernels/int8/int8_direct.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "octet/kernels/core/simd.h"
#include "octet/kernels/int8/int8_direct_block.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kTileBytes = 128 << 10;     // of its sums: they stay in the second cache
constexpr std::int64_t kSmallWeights = 256 << 10;  // bytes that are read again for each tile at no cost

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// A window of one pixel does not see where rows end.
Int8LayerShape in_one_row(Int8LayerShape l) {
  ConvShape& s = l.s;
  const bool has_no_rows = s.kh == 1 && s.kw == 1 && s.stride.h == 1 && s.stride.w == 1 && s.padding.h == 0 &&
                           s.padding.w == 0 && s.oh == s.h && s.ow == s.w;
  if (!has_no_rows) return l;
  s.w = s.ow = s.n * s.h * s.w;
  s.n = s.h = s.oh = 1;
  return l;
}

// Groups of four bytes in a window's row.
std::int64_t groups_of(const ConvShape& s) { return ceil_div(s.kw * s.ci, 4); }

// Windows of three pixels side by side, whose bytes two windows share.
bool in_threes(const ConvShape& s) { return s.kw == 3 && s.stride.w == 1 && s.ci % 4 == 0; }

std::int64_t packed_bytes(const ConvShape& s, std::int64_t channels) {
  return ceil_div(channels, kLanes) * kLanes * s.kh * groups_of(s) * 4;
}

}  // namespace

bool Int8Direct::suits(const Int8LayerShape& l) {
  return onednn_uses_vnni() && l.plain() && l.s.groups == 1 && (l.s.dilation.w == 1 || l.s.kw == 1);
}

// [blocks of 32 channels][rows][groups][channels][4]; what is not there is 0. In windows of three pixels, groups with
// the same place in a pixel come one after the other.
Int8DirectWeights::Int8DirectWeights(const Int8LayerShape& layer, std::int32_t zero_point, const std::int8_t* weights) {
  const ConvShape& s = layer.s;
  const std::int64_t groups = groups_of(s);
  const std::shared_ptr<void> memory = allocate_lasting(packed_bytes(s, s.co));
  auto* to = static_cast<std::int8_t*>(memory.get());
  for (std::int64_t block = 0; block < s.co; block += kBlockChannels)
    for (std::int64_t row = 0; row < s.kh; ++row)
      for (std::int64_t g = 0; g < groups; ++g)
        for (std::int64_t c = block; c < block + (s.co - block > kLanes ? kBlockChannels : kLanes); ++c)
          for (std::int64_t i = 0; i < 4; ++i) {
            const std::int64_t byte = 4 * (in_threes(s) ? g % 3 * (groups / 3) + g / 3 : g) + i;
            const std::int64_t tap = row * s.kw + byte / s.ci, channel = byte % s.ci;
            const bool there = c < s.co && byte < s.kw * s.ci;
            *to++ = there ? weights[(c * s.ci + channel) * s.kh * s.kw + tap] : std::int8_t{0};
          }
  packed = memory;
  if (zero_point == 0) return;
  for (std::int64_t c = 0; c < s.co; ++c) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < layer.products(); ++i) sum += weights[c * layer.products() + i];
    correction.push_back(-zero_point * sum);
  }
}

Int8Direct::Int8Direct(const Int8LayerShape& layer, std::int32_t zero_point,
                       std::shared_ptr<const Int8DirectWeights> weights, std::int64_t first)
    : layer_(in_one_row(layer)), zero_point_(zero_point), weights_(std::move(weights)) {
  const ConvShape& s = layer_.s;
  // Rows and pixels that windows need below and on the right of the image.
  const std::int64_t below = tile_input_rows(s.oh) - s.padding.h - s.h;
  const std::int64_t beyond = tile_input_columns(s.ow) - s.padding.w - s.w;
  three_ = in_threes(s);
  const bool leaves_out = three_ && zero_point == 0 && s.padding.w <= 1 && beyond <= 1;
  left_edge_ = leaves_out && s.padding.w == 1;
  right_edge_ = leaves_out && beyond == 1;
  const bool pads_rows = zero_point != 0 && (s.padding.h > 0 || below > 0),
             pads_columns = s.padding.w > 0 || beyond > 0;
  copies_ = s.kw * s.ci % 4 != 0 || pads_rows || (pads_columns && !leaves_out);
  groups_ = groups_of(s);
  packed_bytes_ = packed_bytes(s, s.co);
  first_weights_ = static_cast<const std::int8_t*>(weights_->packed.get()) + packed_bytes(s, first);
  if (zero_point != 0) {
    const auto own = weights_->correction.begin() + first;
    correction_.assign(own, own + s.co);
  }
  cut();
}

void Int8Direct::cut() {
  const ConvShape& s = layer_.s;
  const std::int64_t pixels = std::max(kBlockPixels, kTileBytes / 4 / s.co);
  const std::int64_t rows = std::max<std::int64_t>(1, pixels / s.ow), pieces = ceil_div(s.ow, pixels);
  const std::int64_t columns = ceil_div(ceil_div(s.ow, pieces), kBlockPixels) * kBlockPixels;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t y = 0; y < s.oh; y += rows)
      for (std::int64_t x = 0; x < s.ow; x += columns) {
        const Tile tile{n, y, std::min(rows, s.oh - y), x, std::min(columns, s.ow - x), (n * s.oh + y) * s.ow + x};
        tile_pixels_ = std::max(tile_pixels_, tile.rows * tile.columns);
        tiles_.push_back(tile);
      }
  copied_bytes_ =
      copies_ ? tile_input_rows(std::min(rows, s.oh)) * tile_input_columns(std::min(columns, s.ow)) * s.ci + 4 : 0;
}

void* Int8Direct::scratch(Buffer& large) const {
  constexpr std::int64_t kMostKept = 1 << 20;
  thread_local Buffer own;
  const std::int64_t bytes = sums() * static_cast<std::int64_t>(sizeof(std::int32_t)) + copied_bytes_;
  Buffer& buffer = bytes > kMostKept ? large : own;
  if (buffer.bytes() < bytes) buffer = Buffer(bytes);
  return buffer.data();
}

Int8Direct::View Int8Direct::view(const Tile& t, const std::uint8_t* x, std::uint8_t* scratch) const {
  const ConvShape& s = layer_.s;
  const std::int64_t pixel = s.stride.w * s.ci;
  if (!copies_) {
    const std::int64_t pitch = s.w * s.ci;
    const std::int64_t first = input_row(t.row) * pitch + t.column * pixel - s.padding.w * s.ci;
    return {x + t.image * layer_.in_image(), first, s.dilation.h * pitch, s.stride.h * pitch, pixel};
  }
  copy(t, x + t.image * layer_.in_image(), scratch);
  const std::int64_t pitch = tile_input_columns(t.columns) * s.ci;
  return {scratch, 0, s.dilation.h * pitch, s.stride.h * pitch, pixel};
}

// The input that a tile sees, with its padding.
void Int8Direct::copy(const Tile& t, const std::uint8_t* image, std::uint8_t* to) const {
  const ConvShape& s = layer_.s;
  const std::int64_t top = input_row(t.row), left = t.column * s.stride.w - s.padding.w;
  const std::int64_t width = tile_input_columns(t.columns), rows = tile_input_rows(t.rows);
  const std::int64_t begin = std::clamp<std::int64_t>(left, 0, s.w), end = std::clamp(left + width, begin, s.w);
  const auto bytes = [&](std::int64_t pixels) { return static_cast<std::size_t>(pixels * s.ci); };
  for (std::int64_t y = top; y < top + rows; ++y, to += width * s.ci) {
    if (y < 0 || y >= s.h) {
      std::memset(to, zero_point_, bytes(width));
      continue;
    }
    std::memset(to, zero_point_, bytes(begin - left));
    std::memcpy(to + bytes(begin - left), image + (y * s.w + begin) * s.ci, bytes(end - begin));
    std::memset(to + bytes(end - left), zero_point_, bytes(left + width - end));
  }
}

std::pair<std::int64_t, std::int64_t> Int8Direct::kernel_rows(std::int64_t row) const {
  const ConvShape& s = layer_.s;
  std::int64_t begin = 0, end = s.kh;
  if (zero_point_ != 0) return {begin, end};  // the copy has them
  while (begin < end && input_row(row) + begin * s.dilation.h < 0) ++begin;
  while (end > begin && input_row(row) + (end - 1) * s.dilation.h >= s.h) --end;
  return {begin, end};
}

void Int8Direct::compute(const Tile& t, const View& v, const std::int32_t* start, std::int32_t* acc) const {
  const ConvShape& s = layer_.s;
  const std::int8_t* w = first_weights_;
  for (std::int64_t c = 0; c < s.co; c += kBlockChannels) {
    const std::int64_t channels = std::min(kBlockChannels, s.co - c), vectors = ceil_div(channels, kLanes);
    const std::int64_t weight_row = groups_ * vectors * kLanes * 4, bytes = s.kh * weight_row;
    // Many weights come from beyond the second cache, slower than the first blocks of a tile use them up.
    const std::int8_t* const next = c + kBlockChannels < s.co ? w + bytes : first_weights_;
    WeightsAhead ahead{next, packed_bytes_ > kSmallWeights ? next + bytes : next};
    for (std::int64_t row = 0, rows = 0; row < t.rows; row += rows) {
      const auto seen = kernel_rows(t.row + row);
      for (rows = 1; row + rows < t.rows && kernel_rows(t.row + row + rows) == seen;) ++rows;
      for_blocks(t, channels, [&](const Int8DirectForm& form, std::int64_t column, std::int64_t columns) {
        ahead = int8_direct_blocks(form,
                                   {.columns = columns,
                                    .rows = rows,
                                    .x = v.x,
                                    .at = v.first + row * v.row + seen.first * v.pitch + column * v.pixel,
                                    .row = v.row,
                                    .pitch = v.pitch,
                                    .step = v.pixel,
                                    .w = w + seen.first * weight_row,
                                    .kernel_rows = seen.second - seen.first,
                                    .groups = groups_,
                                    .start = start ? start + c : nullptr,
                                    .acc = acc + (row * t.columns + column) * s.co + c,
                                    .acc_row = t.columns * s.co,
                                    .acc_channels = s.co},
                                   ahead);
      });
    }
    w += bytes;
  }
}

// Calls f(form, first column, blocks) for each run of equal blocks of a tile's row.
template <typename F>
void Int8Direct::for_blocks(const Tile& t, std::int64_t channels, const F& f) const {
  const std::int64_t blocks = ceil_div(t.columns, kBlockPixels), pixels = t.columns / blocks,
                     larger = t.columns % blocks;
  const auto form_of = [&](std::int64_t i) {
    const bool left = left_edge_ && t.column == 0 && i == 0;
    const bool right = right_edge_ && t.column + t.columns == layer_.s.ow && i == blocks - 1;
    return Int8DirectForm{pixels + (i < larger), channels, three_, left, right};
  };
  for (std::int64_t i = 0, column = 0, run = 0; i < blocks; i += run) {
    const Int8DirectForm form = form_of(i);
    for (run = 1; i + run < blocks && form_of(i + run) == form;) ++run;
    f(form, column, run);
    column += run * form.pixels;
  }
}

}  // namespace octet::kernels
