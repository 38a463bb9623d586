// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/pool.h"

#include <algorithm>
#include <type_traits>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

// Runs row(i) for i in [0, rows), several to a task if they are small.
template <typename Row>
void for_rows(std::int64_t rows, std::int64_t values_per_row, const Row& row) {
  constexpr std::int64_t kChunk = 1 << 14;  // values of a task
  const std::int64_t chunk = std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(1, values_per_row));
  parallel_range(rows, chunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) row(i);
  });
}

// ---- maximum -------------------------------------------------------------------------------------------------------

// The taps of a window at `start` that fall on the image: first .. last - 1.
struct Taps {
  std::int64_t first, last;

  Taps(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t size)
      : first(start < 0 ? (-start + dilation - 1) / dilation : 0),
        last(start < size ? std::min(kernel, (size - 1 - start) / dilation + 1) : 0) {}
};

// best = the larger of best and x, NaN if one is; where x wins, winner = tap. Plain loops over the channels of a pixel:
// the compiler turns them into masked stores, which is better than what it makes of vector types.
template <typename Winner>
[[gnu::always_inline]] inline void take_larger(std::int64_t n, const float* __restrict x, Winner tap,
                                               float* __restrict best, Winner* __restrict winner) {
  for (std::int64_t c = 0; c < n; ++c) {
    const float v = x[c];
    const bool wins = (v > best[c]) | (v != v);
    best[c] = wins ? v : best[c];
    winner[c] = wins ? tap : winner[c];
  }
}
[[gnu::always_inline]] inline void take_larger(std::int64_t n, const float* __restrict x, float* __restrict best) {
  for (std::int64_t c = 0; c < n; ++c) best[c] = (x[c] > best[c]) | (x[c] != x[c]) ? x[c] : best[c];
}

// One row of outputs. Winner is what winners are stored as, void if nobody asks for them.
template <typename Winner>
[[gnu::always_inline]] inline void max_row(const MaxPoolShape& s, const float* image, std::int64_t oh, float* y,
                                           Winner* winner) {
  const std::int64_t top = oh * s.stride.h - s.padding.h;
  const Taps rows(top, s.kernel.h, s.dilation.h, s.h);
  for (std::int64_t ow = 0; ow < s.ow; ++ow, y += s.c) {
    const std::int64_t left = ow * s.stride.w - s.padding.w;
    const Taps columns(left, s.kernel.w, s.dilation.w, s.w);
    const auto pixel = [&](std::int64_t i, std::int64_t j) {
      return image + ((top + i * s.dilation.h) * s.w + left + j * s.dilation.w) * s.c;
    };
    std::copy_n(pixel(rows.first, columns.first), s.c, y);
    if constexpr (!std::is_void_v<Winner>)
      std::fill_n(winner, s.c, static_cast<Winner>(rows.first * s.kernel.w + columns.first));
    for (std::int64_t i = rows.first; i < rows.last; ++i)
      for (std::int64_t j = columns.first; j < columns.last; ++j) {
        if (i == rows.first && j == columns.first) continue;
        if constexpr (std::is_void_v<Winner>)
          take_larger(s.c, pixel(i, j), y);
        else
          take_larger(s.c, pixel(i, j), static_cast<Winner>(i * s.kernel.w + j), y, winner);
      }
    if constexpr (!std::is_void_v<Winner>) winner += s.c;
  }
}

OCTET_CLONES void max_row_alone(const MaxPoolShape& s, const float* image, std::int64_t oh, float* y) {
  max_row<void>(s, image, oh, y, nullptr);
}
OCTET_CLONES void max_row_u8(const MaxPoolShape& s, const float* image, std::int64_t oh, float* y,
                             std::uint8_t* winner) {
  max_row(s, image, oh, y, winner);
}
OCTET_CLONES void max_row_i32(const MaxPoolShape& s, const float* image, std::int64_t oh, float* y,
                              std::int32_t* winner) {
  max_row(s, image, oh, y, winner);
}

// For every row (or column) of the image: which windows see it, and with which tap.
class Sightings {
 public:
  struct Sighting {
    std::int64_t window, tap;
  };

  Sightings(std::int64_t size, std::int64_t windows, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
            std::int64_t dilation) {
    begins_.push_back(0);
    for (std::int64_t position = 0; position < size; ++position) {
      // Window o sees the position if (position + padding - o * stride) / dilation is a tap.
      const std::int64_t last = std::min(windows - 1, (position + padding) / stride);
      const std::int64_t reach = position + padding - dilation * (kernel - 1);
      for (std::int64_t o = reach > 0 ? (reach + stride - 1) / stride : 0; o <= last; ++o) {
        const std::int64_t distance = position + padding - o * stride;
        if (distance % dilation == 0) all_.push_back({o, distance / dilation});
      }
      begins_.push_back(all_.size());
    }
  }

  const Sighting* begin(std::int64_t position) const {
    return all_.data() + begins_[static_cast<std::size_t>(position)];
  }
  const Sighting* end(std::int64_t position) const { return begin(position + 1); }

 private:
  std::vector<Sighting> all_;
  std::vector<std::size_t> begins_;
};

template <typename Winner>
[[gnu::always_inline]] inline void add_won(std::int64_t n, const float* __restrict dy, const Winner* __restrict winner,
                                           Winner tap, float* __restrict dx) {
  for (std::int64_t c = 0; c < n; ++c) dx[c] += winner[c] == tap ? dy[c] : 0.0F;
}

// One row of inputs; dy and winner are those of the image.
template <typename Winner>
[[gnu::always_inline]] inline void max_gradient_row(const MaxPoolShape& s, const Sightings& rows,
                                                    const Sightings& columns, const Winner* winner, const float* dy,
                                                    std::int64_t h, float* dx) {
  for (std::int64_t w = 0; w < s.w; ++w, dx += s.c) {
    std::fill_n(dx, s.c, 0.0F);
    for (const Sightings::Sighting* row = rows.begin(h); row != rows.end(h); ++row)
      for (const Sightings::Sighting* column = columns.begin(w); column != columns.end(w); ++column) {
        const std::int64_t output = (row->window * s.ow + column->window) * s.c;
        add_won(s.c, dy + output, winner + output, static_cast<Winner>(row->tap * s.kernel.w + column->tap), dx);
      }
  }
}

OCTET_CLONES void max_gradient_row_u8(const MaxPoolShape& s, const Sightings& rows, const Sightings& columns,
                                      const std::uint8_t* winner, const float* dy, std::int64_t h, float* dx) {
  max_gradient_row(s, rows, columns, winner, dy, h, dx);
}
OCTET_CLONES void max_gradient_row_i32(const MaxPoolShape& s, const Sightings& rows, const Sightings& columns,
                                       const std::int32_t* winner, const float* dy, std::int64_t h, float* dx) {
  max_gradient_row(s, rows, columns, winner, dy, h, dx);
}

// ---- average -------------------------------------------------------------------------------------------------------

// The first `count` lanes (kFull: all sixteen, known when compiled).
template <bool kFull>
[[gnu::always_inline]] inline void load_lanes(Lanes& v, const float* from, std::int64_t count) {
  if constexpr (kFull) return load(v, from);
  v = Lanes{};
  std::memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(float));
}
template <bool kFull>
[[gnu::always_inline]] inline void store_lanes(float* to, const Lanes& v, std::int64_t count) {
  if constexpr (kFull) return store(to, v);
  std::memcpy(to, &v, static_cast<std::size_t>(count) * sizeof(float));
}

// Calls block.operator()<true>(c, 16) for every full vector of channels and block.operator()<false>(c, rest) for what
// is left.
template <typename Block>
[[gnu::always_inline]] inline void for_channels(std::int64_t channels, const Block& block) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) block.template operator()<true>(c, kLanes);
  if (c < channels) block.template operator()<false>(c, channels - c);
}

// kVectors vectors of channels at once, which hides the latency of the sums. Each row of the window is summed for
// itself: that keeps the rounding error of large windows near that of their height plus width, not height times width.
template <int kVectors, bool kFull>
[[gnu::always_inline]] inline void average(const AvgPoolShape& s, const float* image, const Window& rows,
                                           const Window& columns, std::int64_t count, float* y) {
  Lanes total[kVectors] = {};
  for (std::int64_t h = rows.begin; h < rows.end; ++h) {
    Lanes line[kVectors] = {};
    for (std::int64_t w = columns.begin; w < columns.end; ++w)
      for (int v = 0; v < kVectors; ++v) {
        Lanes value;
        load_lanes<kFull>(value, image + (h * s.w + w) * s.c + v * kLanes, count);
        line[v] += value;
      }
    for (int v = 0; v < kVectors; ++v) total[v] += line[v];
  }
  const float divisor = static_cast<float>(rows.count * columns.count);
  for (int v = 0; v < kVectors; ++v) store_lanes<kFull>(y + v * kLanes, total[v] / divisor, count);
}

OCTET_CLONES void average_row(const AvgPoolShape& s, const float* image, const Window& rows, float* y) {
  for (std::size_t ow = 0; ow < s.columns.size(); ++ow, y += s.c) {
    const Window& columns = s.columns[ow];
    std::int64_t c = 0;
    for (; c + 4 * kLanes <= s.c; c += 4 * kLanes) average<4, true>(s, image + c, rows, columns, kLanes, y + c);
    for (; c + kLanes <= s.c; c += kLanes) average<1, true>(s, image + c, rows, columns, kLanes, y + c);
    if (c < s.c) average<1, false>(s, image + c, rows, columns, s.c - c, y + c);
  }
}

// The windows first .. last - 1 that see one row (or column) of the image.
struct Cover {
  std::size_t first, last;
};

std::vector<Cover> cover(std::int64_t size, const std::vector<Window>& windows) {
  std::vector<Cover> covers;
  std::size_t first = 0, last = 0;
  for (std::int64_t position = 0; position < size; ++position) {
    while (first < windows.size() && windows[first].end <= position) ++first;
    while (last < windows.size() && windows[last].begin <= position) ++last;
    covers.push_back({first, std::max(first, last)});
  }
  return covers;
}

OCTET_CLONES void average_gradient_row(const AvgPoolShape& s, const Cover& rows, const std::vector<Cover>& columns,
                                       const float* dy, float* dx) {
  const std::int64_t row_values = std::ssize(s.columns) * s.c;
  for (const Cover& seen : columns) {
    for_channels(
        s.c, [&]<bool kFull>(std::int64_t c, std::int64_t count) __attribute__((always_inline)) {
          Lanes sum{};
          for (std::size_t i = rows.first; i < rows.last; ++i)
            for (std::size_t j = seen.first; j < seen.last; ++j) {
              Lanes d;
              load_lanes<kFull>(
                  d, dy + static_cast<std::int64_t>(i) * row_values + static_cast<std::int64_t>(j) * s.c + c, count);
              sum += d / static_cast<float>(s.rows[i].count * s.columns[j].count);
            }
          store_lanes<kFull>(dx + c, sum, count);
        });
    dx += s.c;
  }
}

}  // namespace

void max_pool_forward(const MaxPoolShape& s, const float* x, float* y, void* winners) {
  const std::int64_t image = s.h * s.w * s.c, outputs = s.ow * s.c;
  for_rows(s.n * s.oh, outputs * s.kernel.h * s.kernel.w, [&](std::int64_t row) {
    const float* const from = x + row / s.oh * image;
    float* const to = y + row * outputs;
    if (!winners)
      max_row_alone(s, from, row % s.oh, to);
    else if (s.wide_winners())
      max_row_i32(s, from, row % s.oh, to, static_cast<std::int32_t*>(winners) + row * outputs);
    else
      max_row_u8(s, from, row % s.oh, to, static_cast<std::uint8_t*>(winners) + row * outputs);
  });
}

void max_pool_backward(const MaxPoolShape& s, const void* winners, const float* dy, float* dx) {
  const Sightings rows(s.h, s.oh, s.kernel.h, s.stride.h, s.padding.h, s.dilation.h);
  const Sightings columns(s.w, s.ow, s.kernel.w, s.stride.w, s.padding.w, s.dilation.w);
  for_rows(s.n * s.h, s.w * s.c, [&](std::int64_t row) {
    const std::int64_t outputs = row / s.h * s.oh * s.ow * s.c;  // of the images before this one
    const float* const from = dy + outputs;
    float* const to = dx + row * s.w * s.c;
    if (s.wide_winners())
      max_gradient_row_i32(s, rows, columns, static_cast<const std::int32_t*>(winners) + outputs, from, row % s.h, to);
    else
      max_gradient_row_u8(s, rows, columns, static_cast<const std::uint8_t*>(winners) + outputs, from, row % s.h, to);
  });
}

void avg_pool_forward(const AvgPoolShape& s, const float* x, float* y) {
  const std::int64_t oh = std::ssize(s.rows), ow = std::ssize(s.columns);
  const std::int64_t values_read = s.h * s.w * s.c / std::max<std::int64_t>(1, oh);
  for_rows(s.n * oh, values_read, [&](std::int64_t row) {
    average_row(s, x + row / oh * s.h * s.w * s.c, s.rows[static_cast<std::size_t>(row % oh)], y + row * ow * s.c);
  });
}

void avg_pool_backward(const AvgPoolShape& s, const float* dy, float* dx) {
  const std::vector<Cover> rows = cover(s.h, s.rows), columns = cover(s.w, s.columns);
  const std::int64_t image_values = std::ssize(s.rows) * std::ssize(s.columns) * s.c;
  for_rows(s.n * s.h, s.w * s.c, [&](std::int64_t row) {
    average_gradient_row(s, rows[static_cast<std::size_t>(row % s.h)], columns, dy + row / s.h * image_values,
                         dx + row * s.w * s.c);
  });
}

}  // namespace octet::kernels
