// SPDX-License-Identifier: Apache-2.0
// All loops see the data as a stream of periods: lcm(channels, 64) values, so that a period is whole groups of four
// vectors of sixteen lanes and every lane keeps its channel. Per-channel values are repeated to one period. What is
// left at the end of the stream (less than a period) takes the same loops on a padded copy.
#include "octet/kernels/epilogue.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "octet/kernels/memory.h"
#include "octet/kernels/parallel.h"
#include "octet/kernels/simd.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kGroup = 4 * kLanes;  // values handled together: four vectors hide the latency of a sum
constexpr std::int64_t kChunk = std::int64_t{1} << 15;  // values per chunk: 128 KiB of each stream

// The stream and its cut into chunks of whole periods.
struct Periods {
  std::int64_t period, size, full;  // values in a period, in the stream, in whole periods
  Chunks chunks;                    // of whole periods, counted in values

  explicit Periods(const Rows& shape)
      : period(std::lcm(std::max<std::int64_t>(shape.channels, 1), kGroup)),
        size(shape.size()),
        full(size / period * period),
        chunks{full, std::max(kChunk / period, std::int64_t{1}) * period} {}
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

// ---- statistics ----------------------------------------------------------------------------------------------------

OCTET_CLONES void moments_chunk(const float* x, std::int64_t size, std::int64_t period, const float* pivot, float* sum,
                                float* square) {
  for (std::int64_t lane = 0; lane < period; lane += kGroup) {
    Lanes s[4] = {}, q[4] = {}, p[4];
    for (int v = 0; v < 4; ++v) load(p[v], pivot + lane + v * kLanes);
    for (std::int64_t i = lane; i < size; i += period)
      for (int v = 0; v < 4; ++v) {
        Lanes value;
        load(value, x + i + v * kLanes);
        value -= p[v];
        s[v] += value;
        q[v] += value * value;
      }
    for (int v = 0; v < 4; ++v) {
      store(sum + lane + v * kLanes, s[v]);
      store(square + lane + v * kLanes, q[v]);
    }
  }
}

OCTET_CLONES void sums_chunk(const float* x, std::int64_t size, std::int64_t period, float* sum) {
  for (std::int64_t lane = 0; lane < period; lane += kGroup) {
    Lanes s[4] = {};
    for (std::int64_t i = lane; i < size; i += period)
      for (int v = 0; v < 4; ++v) {
        Lanes value;
        load(value, x + i + v * kLanes);
        s[v] += value;
      }
    for (int v = 0; v < 4; ++v) store(sum + lane + v * kLanes, s[v]);
  }
}

// A copy of the stream's last, incomplete period, filled up with `fill` (one period of values).
Buffer last_period(const Periods& p, const float* x, const float* fill) {
  Buffer copy = Buffer::floats(p.period);
  std::copy_n(x + p.full, p.rest(), copy.floats());
  if (fill)
    std::copy(fill + p.rest(), fill + p.period, copy.floats() + p.rest());
  else
    std::fill(copy.floats() + p.rest(), copy.floats() + p.period, 0.0F);
  return copy;
}

// ---- the formula, one group of four vectors -------------------------------------------------------------------------

struct Term {
  const float *x, *mean, *scale, *shift;  // parameters of one period
};

template <bool kNormalised>
[[gnu::always_inline]] inline void evaluate(const Term& t, std::int64_t i, std::int64_t lane, Lanes& value) {
  load(value, t.x + i);
  if constexpr (kNormalised) {
    Lanes mean, scale, shift;
    load(mean, t.mean + lane);
    load(scale, t.scale + lane);
    load(shift, t.shift + lane);
    value = (value - mean) * scale + shift;
  }
}

enum Second { kNone, kPlain, kNorm };  // what the second term is

template <bool kFirstNorm, Second kSecond, bool kRelu>
[[gnu::always_inline]] inline void forward_loop(const Term& a, const Term& b, std::int64_t size, std::int64_t period,
                                                float* y) {
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate<kFirstNorm>(a, i + lane, lane, value);
      if constexpr (kSecond != kNone) {
        Lanes other;
        evaluate<kSecond == kNorm>(b, i + lane, lane, other);
        value += other;
      }
      if constexpr (kRelu) value = value < 0 ? Lanes{} : value;  // NaN stays
      store(y + i + lane, value);
    }
}

OCTET_CLONES void forward_chunk(const Term& a, const Term& b, bool relu, std::int64_t size, std::int64_t period,
                                float* y) {
  const bool norm = a.mean != nullptr;
  const Second second = !b.x ? kNone : b.mean ? kNorm : kPlain;
  const auto run = [&]<bool kRelu>() __attribute__((always_inline)) {
    if (norm && second == kNone) return forward_loop<true, kNone, kRelu>(a, b, size, period, y);
    if (norm && second == kPlain) return forward_loop<true, kPlain, kRelu>(a, b, size, period, y);
    if (norm && second == kNorm) return forward_loop<true, kNorm, kRelu>(a, b, size, period, y);
    if (second == kNone) return forward_loop<false, kNone, kRelu>(a, b, size, period, y);
    if (second == kPlain) return forward_loop<false, kPlain, kRelu>(a, b, size, period, y);
    return forward_loop<false, kNorm, kRelu>(a, b, size, period, y);
  };
  relu ? run.template operator()<true>() : run.template operator()<false>();
}

// ---- the gradient --------------------------------------------------------------------------------------------------

enum class Mask { kNone, kFromResult, kFromTerm };

struct Upstream {
  const float *dy0, *dy1, *y;
  Term term;  // the first; for Mask::kFromTerm
};

template <bool kTwo, Mask kMask, bool kNormalised>
[[gnu::always_inline]] inline void masked(const Upstream& u, std::int64_t i, std::int64_t lane, Lanes& d) {
  load(d, u.dy0 + i);
  if constexpr (kTwo) {
    Lanes more;
    load(more, u.dy1 + i);
    d += more;
  }
  if constexpr (kMask == Mask::kFromResult) {
    Lanes y;
    load(y, u.y + i);
    d = y > 0 ? d : Lanes{};
  }
  if constexpr (kMask == Mask::kFromTerm) {
    Lanes y;
    evaluate<kNormalised>(u.term, i, lane, y);
    d = y > 0 ? d : Lanes{};
  }
}

// Calls f<kTwo, kMask, kNormalised>() for the kind of gradient at hand.
template <typename F>
[[gnu::always_inline]] inline void for_kind(const Upstream& u, Mask mask, const F& f) {
  const bool two = u.dy1 != nullptr;
  if (mask == Mask::kNone)
    return two ? f.template operator()<true, Mask::kNone, false>() : f.template operator()<false, Mask::kNone, false>();
  if (mask == Mask::kFromResult)
    return two ? f.template operator()<true, Mask::kFromResult, false>()
               : f.template operator()<false, Mask::kFromResult, false>();
  if (u.term.mean)
    return two ? f.template operator()<true, Mask::kFromTerm, true>()
               : f.template operator()<false, Mask::kFromTerm, true>();
  return two ? f.template operator()<true, Mask::kFromTerm, false>()
             : f.template operator()<false, Mask::kFromTerm, false>();
}

struct SumOutputs {
  const float *x[2], *mean[2];  // of the normalised terms, null where not
  float *d, *sum_d, *sum_dx[2];
};

template <bool kTwo, Mask kMask, bool kNormalised>
[[gnu::always_inline]] inline void sums_loop(const Upstream& u, const SumOutputs& out, std::int64_t size,
                                             std::int64_t period) {
  for (std::int64_t group = 0; group < period; group += kGroup) {
    Lanes s[4] = {}, s0[4] = {}, s1[4] = {};
    for (std::int64_t i = group; i < size; i += period)
      for (int v = 0; v < 4; ++v) {
        const std::int64_t at = i + v * kLanes, lane = group + v * kLanes;
        Lanes d, x, mean;
        masked<kTwo, kMask, kNormalised>(u, at, lane, d);
        if (out.d) store(out.d + at, d);
        s[v] += d;
        if (out.x[0]) {
          load(x, out.x[0] + at);
          load(mean, out.mean[0] + lane);
          s0[v] += d * (x - mean);
        }
        if (out.x[1]) {
          load(x, out.x[1] + at);
          load(mean, out.mean[1] + lane);
          s1[v] += d * (x - mean);
        }
      }
    for (int v = 0; v < 4; ++v) {
      const std::int64_t lane = group + v * kLanes;
      store(out.sum_d + lane, s[v]);
      if (out.x[0]) store(out.sum_dx[0] + lane, s0[v]);
      if (out.x[1]) store(out.sum_dx[1] + lane, s1[v]);
    }
  }
}

OCTET_CLONES void sums_chunk(const Upstream& u, Mask mask, const SumOutputs& out, std::int64_t size,
                             std::int64_t period) {
  for_kind(
      u, mask, [&]<bool kTwo, Mask kMask, bool kNormalised>() __attribute__((always_inline)) {
        sums_loop<kTwo, kMask, kNormalised>(u, out, size, period);
      });
}

struct Affine {
  const float *x, *mean, *k0, *k1, *k2;
};

OCTET_CLONES void apply_chunk(const Upstream& u, Mask mask, const Affine& a, std::int64_t size, std::int64_t period,
                              float* dx) {
  for_kind(
      u, mask, [&]<bool kTwo, Mask kMask, bool kNormalised>() __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; i += period)
          for (std::int64_t lane = 0; lane < period; lane += kLanes) {
            Lanes d, x, mean, k0, k1, k2;
            masked<kTwo, kMask, kNormalised>(u, i + lane, lane, d);
            load(x, a.x + i + lane);
            load(mean, a.mean + lane);
            load(k0, a.k0 + lane);
            load(k1, a.k1 + lane);
            load(k2, a.k2 + lane);
            store(dx + i + lane, k0 * d + (k1 * (x - mean) + k2));
          }
      });
}

OCTET_CLONES void mask_chunk(const Upstream& u, Mask mask, std::int64_t size, std::int64_t period, float* to) {
  for_kind(
      u, mask, [&]<bool kTwo, Mask kMask, bool kNormalised>() __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; i += period)
          for (std::int64_t lane = 0; lane < period; lane += kLanes) {
            Lanes d;
            masked<kTwo, kMask, kNormalised>(u, i + lane, lane, d);
            store(to + i + lane, d);
          }
      });
}

// ---- streams: whole chunks in parallel, then the rest
// ----------------------------------------------------------------

// A stream to read or write, with its padded last period.
class Stream {
 public:
  Stream() = default;
  Stream(const Periods& p, const float* data) : data_(const_cast<float*>(data)), full_(p.full), rest_(p.rest()) {
    if (data && rest_ > 0) tail_ = last_period(p, data, nullptr);
  }
  // Its values from `begin`; those of the padded copy when begin is where the whole periods end.
  float* at(std::int64_t begin) const { return !data_ ? nullptr : begin < full_ ? data_ + begin : tail_.floats(); }
  void store_tail() {
    if (data_ && rest_ > 0) std::copy_n(tail_.floats(), rest_, data_ + full_);
  }

 private:
  float* data_ = nullptr;
  std::int64_t full_ = 0, rest_ = 0;
  Buffer tail_;
};

// Runs body(chunk index, begin, size) over the chunks and the padded rest.
template <typename Body>
void for_chunks(const Periods& p, const Body& body) {
  parallel_tasks(p.chunks.count(),
                 [&](std::int64_t k) { body(k, p.chunks.begin(k), p.chunks.end(k) - p.chunks.begin(k)); });
  if (p.rest() > 0) body(p.chunks.count(), p.full, p.period);
}

struct RepeatedTerm {
  RepeatedTerm(const Periods& p, std::int64_t channels, const EpilogueTerm& t)
      : x(p, t.x),
        mean(t.mean, channels, p.period),
        scale(t.scale, channels, p.period),
        shift(t.shift, channels, p.period) {}
  Term at(std::int64_t begin) const { return {x.at(begin), mean.data(), scale.data(), shift.data()}; }
  Stream x;
  Repeated mean, scale, shift;
};

// The streams of an EpilogueGradient.
struct Gradient {
  Gradient(const Periods& p, std::int64_t channels, const EpilogueGradient& g)
      : dy0(p, g.dy[0]),
        dy1(p, g.dy[1]),
        y(p, g.relu ? g.y : nullptr),
        terms{{p, channels, g.terms[0]}, {p, channels, g.terms[1]}},
        mask(!g.relu ? Mask::kNone
             : g.y   ? Mask::kFromResult
                     : Mask::kFromTerm) {}
  Upstream at(std::int64_t begin) const { return {dy0.at(begin), dy1.at(begin), y.at(begin), terms[0].at(begin)}; }
  Stream dy0, dy1, y;
  RepeatedTerm terms[2];
  Mask mask;
};

}  // namespace

void channel_moments(const Rows& shape, const float* x, float* mean, float* variance) {
  const Periods p(shape);
  const Repeated pivot(x, shape.channels, p.period);
  ChannelSums sums(p, shape.channels, 2);
  const Buffer tail =
      p.rest() > 0 ? last_period(p, x, pivot.data()) : Buffer();  // the pivot adds nothing to either sum
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    float* const part = sums.part(k);
    moments_chunk(begin < p.full ? x + begin : tail.floats(), size, p.period, pivot.data(), part, part + p.period);
  });
  const std::vector<double> sum = sums.total(0), square = sums.total(1);
  const double count = static_cast<double>(shape.rows);
  for (std::size_t c = 0; c < sum.size(); ++c) {
    const double shifted = sum[c] / count;
    mean[c] = static_cast<float>(static_cast<double>(x[c]) + shifted);
    variance[c] = static_cast<float>(std::max(square[c] / count - shifted * shifted, 0.0));
  }
}

void channel_sums(const Rows& shape, const float* x, float* sum) {
  const Periods p(shape);
  const Stream stream(p, x);
  ChannelSums sums(p, shape.channels, 1);
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    sums_chunk(stream.at(begin), size, p.period, sums.part(k));
  });
  const std::vector<double> total = sums.total(0);
  for (std::size_t c = 0; c < total.size(); ++c) sum[c] = static_cast<float>(total[c]);
}

void add_channels(const Rows& shape, const float* bias, float* x) {
  parallel_range(shape.rows, std::max<std::int64_t>(kChunk / std::max<std::int64_t>(shape.channels, 1), 1),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t row = begin; row < end; ++row)
                     for (std::int64_t c = 0; c < shape.channels; ++c) x[row * shape.channels + c] += bias[c];
                 });
}

void epilogue_forward(const Rows& shape, const EpilogueTerm (&terms)[2], bool relu, float* y) {
  const Periods p(shape);
  const RepeatedTerm a(p, shape.channels, terms[0]), b(p, shape.channels, terms[1]);
  Stream out(p, y);
  for_chunks(p, [&](std::int64_t, std::int64_t begin, std::int64_t size) {
    forward_chunk(a.at(begin), b.at(begin), relu, size, p.period, out.at(begin));
  });
  out.store_tail();
}

void epilogue_backward_sums(const Rows& shape, const EpilogueGradient& g, float* d, float* sum_d,
                            float* const (&sum_dx)[2]) {
  const Periods p(shape);
  const Gradient gradient(p, shape.channels, g);
  Stream d_out(p, d);
  ChannelSums sums(p, shape.channels, 3);
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    const Term t0 = gradient.terms[0].at(begin), t1 = gradient.terms[1].at(begin);
    float* const part = sums.part(k);
    const SumOutputs out{{t0.mean ? t0.x : nullptr, t1.mean ? t1.x : nullptr},
                         {t0.mean, t1.mean},
                         d_out.at(begin),
                         part,
                         {part + p.period, part + 2 * p.period}};
    sums_chunk(gradient.at(begin), gradient.mask, out, size, p.period);
  });
  d_out.store_tail();
  const auto write = [](const std::vector<double>& from, float* to) {
    std::transform(from.begin(), from.end(), to, [](double value) { return static_cast<float>(value); });
  };
  write(sums.total(0), sum_d);
  for (int t = 0; t < 2; ++t)
    if (g.terms[t].mean) write(sums.total(1 + t), sum_dx[t]);
}

void epilogue_backward_apply(const Rows& shape, const EpilogueGradient& g, int term, const float* k0, const float* k1,
                             const float* k2, float* dx) {
  const Periods p(shape);
  const Gradient gradient(p, shape.channels, g);
  const Repeated r0(k0, shape.channels, p.period), r1(k1, shape.channels, p.period), r2(k2, shape.channels, p.period);
  Stream out(p, dx);
  for_chunks(p, [&](std::int64_t, std::int64_t begin, std::int64_t size) {
    const Term t = gradient.terms[term].at(begin);
    apply_chunk(gradient.at(begin), gradient.mask, {t.x, t.mean, r0.data(), r1.data(), r2.data()}, size, p.period,
                out.at(begin));
  });
  out.store_tail();
}

void epilogue_backward_mask(const Rows& shape, const EpilogueGradient& g, float* d) {
  const Periods p(shape);
  const Gradient gradient(p, shape.channels, g);
  Stream out(p, d);
  for_chunks(p, [&](std::int64_t, std::int64_t begin, std::int64_t size) {
    mask_chunk(gradient.at(begin), gradient.mask, size, p.period, out.at(begin));
  });
  out.store_tail();
}

}  // namespace octet::kernels
