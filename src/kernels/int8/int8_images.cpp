// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_images.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/quantize/quantize_lanes.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kAhead = 512;    // values: a plane's part of a task is too short for the machine to notice
constexpr std::int64_t kPixels = 2048;  // of a task: their bytes stay in the first cache

// True if all are finite.
OCTET_CLONES bool quantize_plane(std::int64_t pixels, const Int8Scale& s, const float* x, std::uint8_t* q) {
  const LaneGrid grid(s);
  Lanes bad = {};
  for (std::int64_t i = 0; i < pixels; i += kLanes) {
    Lanes value = {};
    const std::int64_t rest = pixels - i;
    if (rest >= kLanes)
      load(value, x + i);
    else
      std::memcpy(&value, x + i, static_cast<std::size_t>(rest) * sizeof(float));
    bad += value - value;
    __builtin_prefetch(x + i + kAhead);
    store_quantized(grid, value, q + i);  // q has room for whole vectors
  }
  return all_zero(bad);
}

// Sixteen pixels of three bytes, by shuffles: first the bytes of two channels where they belong, then those of the
// third between them.
OCTET_CLONES void join_rgb(std::int64_t pixels, const std::uint8_t* planes, std::int64_t plane, std::uint8_t* q) {
  for (std::int64_t i = 0; i < pixels; i += kLanes) {
    ByteLanes r, g, b;
    std::memcpy(&r, planes + i, sizeof r);
    std::memcpy(&g, planes + plane + i, sizeof g);
    std::memcpy(&b, planes + 2 * plane + i, sizeof b);
    ByteLanes pixel[3] = {__builtin_shufflevector(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5),
                          __builtin_shufflevector(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26),
                          __builtin_shufflevector(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0)};
    pixel[0] = __builtin_shufflevector(pixel[0], b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
    pixel[1] = __builtin_shufflevector(pixel[1], b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
    pixel[2] = __builtin_shufflevector(pixel[2], b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
    std::memcpy(q + 3 * i, pixel, static_cast<std::size_t>(3 * std::min(kLanes, pixels - i)));
  }
}

void join_planes(std::int64_t pixels, std::int64_t channels, const std::uint8_t* planes, std::int64_t plane,
                 std::uint8_t* q) {
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < pixels; ++i) q[i * channels + c] = planes[c * plane + i];
}

typedef std::uint8_t ByteBlock __attribute__((vector_size(64)));
constexpr std::int64_t kBlock = sizeof(ByteBlock);

// The taps first .. last - 1 of a window at `start` that see an axis of `size`.
struct SeenTaps {
  std::int64_t first, last;

  SeenTaps(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t size)
      : first(start < 0 ? (dilation - 1 - start) / dilation : 0),
        last(start < size ? std::min(kernel, (size - 1 - start) / dilation + 1) : 0) {}
};

// One row of outputs. Channels in blocks that stay in registers through a window.
OCTET_CLONES void pool_row(const MaxPoolShape& s, const std::uint8_t* image, std::int64_t oh, std::uint8_t* y) {
  const std::int64_t top = oh * s.stride.h - s.padding.h;
  const SeenTaps rows(top, s.kernel.h, s.dilation.h, s.h);
  for (std::int64_t ow = 0; ow < s.ow; ++ow, y += s.c) {
    const std::int64_t left = ow * s.stride.w - s.padding.w;
    const SeenTaps columns(left, s.kernel.w, s.dilation.w, s.w);
    for (std::int64_t c = 0; c < s.c; c += kBlock) {
      const std::int64_t count = std::min(kBlock, s.c - c);
      ByteBlock best = {};  // no value is below
      for (std::int64_t i = rows.first; i < rows.last; ++i) {
        const std::uint8_t* pixel =
            image + ((top + i * s.dilation.h) * s.w + left + columns.first * s.dilation.w) * s.c + c;
        for (std::int64_t j = columns.first; j < columns.last; ++j, pixel += s.dilation.w * s.c) {
          ByteBlock value = {};
          if (count == kBlock)
            std::memcpy(&value, pixel, sizeof value);
          else
            std::memcpy(&value, pixel, static_cast<std::size_t>(count));
          best = best > value ? best : value;
        }
      }
      if (count == kBlock)
        std::memcpy(y + c, &best, sizeof best);
      else
        std::memcpy(y + c, &best, static_cast<std::size_t>(count));
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
    const float* const from = x + n * b.c * b.pixels + begin;
    std::uint8_t* const to = q + (n * b.pixels + begin) * b.c;
    const Buffer planes(kPixels * b.c);
    auto* const plane = static_cast<std::uint8_t*>(planes.data());
    for (std::int64_t c = 0; c < b.c; ++c)
      if (!quantize_plane(pixels, s, from + c * b.pixels, plane + c * kPixels)) finite = false;
    if (b.c == 3)
      join_rgb(pixels, plane, kPixels, to);
    else
      join_planes(pixels, b.c, plane, kPixels, to);
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
