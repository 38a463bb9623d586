// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8_images.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "octet/kernels/parallel.h"
#include "octet/kernels/quantize_lanes.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kPixels = 2048;  // of a task: its values stay in the first cache

// One channel of some pixels, stored every `channels` bytes.
OCTET_CLONES bool quantize_plane(std::int64_t pixels, const Int8Scale& s, const float* x, std::int64_t channels,
                                 std::uint8_t* q) {
  const LaneGrid grid(s);
  Lanes bad = {};
  for (std::int64_t i = 0; i < pixels; i += kLanes) {
    const std::int64_t count = std::min(kLanes, pixels - i);
    Lanes value = {};
    std::memcpy(&value, x + i, static_cast<std::size_t>(count) * sizeof(float));
    bad += value - value;
    std::uint8_t lanes[kLanes];
    store_quantized(grid, value, lanes);
    std::uint8_t* const to = q + i * channels;
    if (channels == 1)
      std::memcpy(to, lanes, static_cast<std::size_t>(count));
    else
      for (std::int64_t lane = 0; lane < count; ++lane) to[lane * channels] = lanes[lane];
  }
  return all_zero(bad);
}

OCTET_CLONES void take_larger(std::int64_t n, const std::uint8_t* __restrict x, std::uint8_t* __restrict best) {
  for (std::int64_t c = 0; c < n; ++c) best[c] = std::max(best[c], x[c]);
}

void pool_row(const MaxPoolShape& s, const std::uint8_t* image, std::int64_t oh, std::uint8_t* y) {
  for (std::int64_t ow = 0; ow < s.ow; ++ow, y += s.c) {
    bool first = true;
    for (std::int64_t i = 0; i < s.kernel.h; ++i) {
      const std::int64_t h = oh * s.stride.h - s.padding.h + i * s.dilation.h;
      if (h < 0 || h >= s.h) continue;
      for (std::int64_t j = 0; j < s.kernel.w; ++j) {
        const std::int64_t w = ow * s.stride.w - s.padding.w + j * s.dilation.w;
        if (w < 0 || w >= s.w) continue;
        const std::uint8_t* const pixel = image + (h * s.w + w) * s.c;
        if (first)
          std::copy_n(pixel, s.c, y);
        else
          take_larger(s.c, pixel, y);
        first = false;
      }
    }
  }
}

}  // namespace

bool quantize_nchw(const ImageBatch& b, const Int8Scale& s, const float* x, std::uint8_t* q) {
  std::atomic<bool> finite{true};
  const Chunks chunks{b.pixels, kPixels};
  parallel_tasks(b.n * chunks.count(), [&](std::int64_t i) {
    const std::int64_t n = i / chunks.count(), begin = chunks.begin(i % chunks.count());
    const std::int64_t pixels = chunks.end(i % chunks.count()) - begin;
    for (std::int64_t c = 0; c < b.c; ++c)
      if (!quantize_plane(pixels, s, x + (n * b.c + c) * b.pixels + begin, b.c, q + (n * b.pixels + begin) * b.c + c))
        finite = false;
  });
  return finite;
}

void max_pool_u8(const MaxPoolShape& s, const std::uint8_t* x, std::uint8_t* y) {
  parallel_range(s.n * s.oh, std::max<std::int64_t>(1, (1 << 14) / (s.ow * s.c + 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row)
                     pool_row(s, x + row / s.oh * s.h * s.w * s.c, row % s.oh, y + row * s.ow * s.c);
                 });
}

void nhwc_to_nchw_u8(const ImageBatch& b, const std::uint8_t* nhwc, std::uint8_t* nchw) {
  parallel_tasks(b.n, [&](std::int64_t n) {
    const std::int64_t at = n * b.c * b.pixels;
    for (std::int64_t i = 0; i < b.pixels; ++i)
      for (std::int64_t c = 0; c < b.c; ++c) nchw[at + c * b.pixels + i] = nhwc[at + i * b.c + c];
  });
}

void copy_byte_rows(const ByteRowCopy& s, const std::uint8_t* from, std::uint8_t* to) {
  parallel_range(s.rows, std::max<std::int64_t>(1, (1 << 16) / (s.width + 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row)
                     std::copy_n(from + row * s.from_pitch, s.width, to + row * s.to_pitch);
                 });
}

}  // namespace octet::kernels
