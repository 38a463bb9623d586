// SPDX-License-Identifier: Apache-2.0
// How loops over rows x channels walk, with sums per channel. Private to the room.
//
// All loops see the data as a stream of periods: lcm(channels, 64) values, so that a period is whole groups of four
// vectors of sixteen lanes and every lane keeps its channel. Per-channel values are repeated to one period. What is
// left at the end of the stream (less than a period) takes the same loops on a padded copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"
#include "octet/kernels/float/channel_sums.h"

namespace octet::kernels {

inline constexpr std::int64_t kGroup = 4 * kLanes;  // values handled together: four vectors hide the latency of a sum
inline constexpr std::int64_t kPeriodsChunk = std::int64_t{1} << 15;  // values per chunk: 128 KiB of each stream

// Calls run(begin, end) for at most kRun periods of a chunk at a time, from `first` on. A sum in float that takes up
// thousands of values one by one loses digits; a sum of short sums does not.
inline constexpr std::int64_t kRun = 32;
template <typename Run>
[[gnu::always_inline]] inline void for_runs(std::int64_t first, std::int64_t size, std::int64_t period,
                                            const Run& run) {
  for (std::int64_t begin = first; begin < size; begin += kRun * period)
    run(begin, std::min(begin + kRun * period, size));
}

// The stream and its cut into chunks of whole periods.
struct Periods {
  std::int64_t period, size, full;  // values in a period, in the stream, in whole periods
  Chunks chunks;                    // of whole periods, counted in values

  explicit Periods(const Rows& shape)
      : period(std::lcm(std::max<std::int64_t>(shape.channels, 1), kGroup)),
        size(shape.size()),
        full(size / period * period),
        chunks{full, std::max(kPeriodsChunk / period, std::int64_t{1}) * period} {}
  std::int64_t rest() const { return size - full; }
};

// Per-channel values, repeated to a period.
class Repeated {
 public:
  Repeated(const float* values, std::int64_t channels, std::int64_t period) {
    if (!values) return;
    copy_ = Buffer::floats(period);
    for (std::int64_t i = 0; i < period; i += channels) std::copy_n(values, channels, copy_.floats() + i);
  }
  const float* data() const { return copy_.floats(); }

 private:
  Buffer copy_;
};

// Adds per-lane partial sums of chunks, in chunk order, into per-channel sums.
class ChannelSums {
 public:
  ChannelSums(const Periods& p, std::int64_t channels, int sums)
      : period_(p.period),
        channels_(channels),
        sums_(sums),
        chunks_(p.chunks.count() + (p.rest() > 0)),
        parts_(Buffer::floats(chunks_ * sums * p.period)) {}

  // `sums` arrays of one period each, for chunk i to fill.
  float* part(std::int64_t chunk) { return parts_.floats() + chunk * sums_ * period_; }

  std::vector<double> total(int which) const {
    std::vector<double> total(static_cast<std::size_t>(channels_), 0.0);
    for (std::int64_t k = 0; k < chunks_; ++k) {
      const float* part = parts_.floats() + (k * sums_ + which) * period_;
      for (std::int64_t i = 0; i < period_; i += channels_)
        for (std::int64_t c = 0; c < channels_; ++c)
          total[static_cast<std::size_t>(c)] += static_cast<double>(part[i + c]);
    }
    return total;
  }

 private:
  std::int64_t period_, channels_;
  int sums_;
  std::int64_t chunks_;
  Buffer parts_;
};

// A copy of the stream's last, incomplete period, filled up with `fill` (one period of values, or zeros if null).
template <typename T>
Buffer last_period(const Periods& p, const T* x, const T* fill) {
  Buffer copy(p.period * static_cast<std::int64_t>(sizeof(T)));
  T* const values = static_cast<T*>(copy.data());
  std::copy_n(x + p.full, p.rest(), values);
  if (fill)
    std::copy(fill + p.rest(), fill + p.period, values + p.rest());
  else
    std::fill(values + p.rest(), values + p.period, T{});
  return copy;
}

// A stream to read or write, with its padded last period.
template <typename T>
class BasicStream {
 public:
  BasicStream() = default;
  BasicStream(const Periods& p, const T* data) : data_(const_cast<T*>(data)), full_(p.full), rest_(p.rest()) {
    if (data && rest_ > 0) tail_ = last_period<T>(p, data, nullptr);
  }
  // Its values from `begin`; those of the padded copy when begin is where the whole periods end.
  T* at(std::int64_t begin) const {
    return !data_ ? nullptr : begin < full_ ? data_ + begin : static_cast<T*>(tail_.data());
  }
  void store_tail() {
    if (data_ && rest_ > 0) std::copy_n(static_cast<T*>(tail_.data()), rest_, data_ + full_);
  }

 private:
  T* data_ = nullptr;
  std::int64_t full_ = 0, rest_ = 0;
  Buffer tail_;
};
using Stream = BasicStream<float>;
using ByteStream = BasicStream<std::uint8_t>;

// Runs body(chunk index, begin, size) over the chunks and the padded rest.
template <typename Body>
void for_chunks(const Periods& p, const Body& body) {
  parallel_tasks(p.chunks.count(),
                 [&](std::int64_t k) { body(k, p.chunks.begin(k), p.chunks.end(k) - p.chunks.begin(k)); });
  if (p.rest() > 0) body(p.chunks.count(), p.full, p.period);
}

}  // namespace octet::kernels
