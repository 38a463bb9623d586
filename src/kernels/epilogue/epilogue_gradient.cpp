// SPDX-License-Identifier: Apache-2.0
// The gradient of epilogue.h: masks are read from the result or computed again from the terms.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/epilogue/epilogue_terms.h"

namespace octet::kernels {
namespace {

enum class Mask { kNone, kFromResult, kFromTerm, kQuantized };

// Where the clamp lets the gradient pass: where the value is above `low`, and not above `high`. And the quantizer
// behind the result, which is one from `bottom` to `top`.
struct Clip {
  float low, high;
  float scale = 1.0F, top = 0.0F, bottom = 0.0F;

  explicit Clip(const EpilogueGradient& g) : low(g.clamp.low), high(g.clamp.high) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (g.clamp.ends_pass)
      low = std::nextafter(low, -kInfinity);
    else if (high != kInfinity)
      high = std::nextafter(high, -kInfinity);
    if (!g.quantizer) return;
    const Grid& grid = g.quantizer->grid;
    scale = grid.scale;
    top = grid.scale * (grid.high - grid.offset);
    bottom = grid.scale * (grid.low - grid.offset);
  }
};

struct Upstream {
  const float *dy0, *dy1, *y;
  Term term, second;  // the first for Mask::kFromTerm, both for kQuantized
  Clip clip;
  Clamp clamp;
};

// What the gradient of the clips is made of: sums of (rint(t) - t) d within the grid, t = result / scale, and of d
// above and below it.
struct ClipLanes {
  Lanes within = {}, above = {}, below = {};
};
struct ClipTotals {
  double within = 0, above = 0, below = 0;
};

// What the clamp lets pass of d. Each comparison serves one selection, for the sake of GCC 12.
[[gnu::always_inline]] inline void mask_clamped(const Clip& clip, const Lanes& value, Lanes& d) {
  d = value > Lanes{} + clip.low ? d : Lanes{};
  d = value > Lanes{} + clip.high ? Lanes{} : d;
}

// d: upstream's gradient, masked by quantizer and clamp. The clips see all of it, the clamp's ends included.
template <bool kSums>
[[gnu::always_inline]] inline void mask_quantized(const Upstream& u, std::int64_t i, std::int64_t lane, Lanes& d,
                                                  ClipLanes& sums) {
  const Lanes top = Lanes{} + u.clip.top, bottom = Lanes{} + u.clip.bottom;
  Lanes unclamped, value;
  evaluate(u.term, u.second, i, lane, unclamped);
  value = unclamped;
  clamp_lanes(u.clamp, value);
  Lanes held = value > bottom ? value : bottom;
  held = held < top ? held : top;
  const Lanes within = held == value ? d : Lanes{};
  if constexpr (kSums) {
    sums.above += value > top ? d : Lanes{};
    sums.below += value < bottom ? d : Lanes{};
    const Lanes t = held / u.clip.scale;
    Lanes rounded;
    round(t, rounded);
    sums.within += (rounded - t) * within;
  }
  d = within;
  mask_clamped(u.clip, unclamped, d);
}

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
    mask_clamped(u.clip, y, d);
  }
  if constexpr (kMask == Mask::kFromTerm) {
    Lanes y;
    evaluate<kNormalised>(u.term, i, lane, y);
    mask_clamped(u.clip, y, d);
  }
  if constexpr (kMask == Mask::kQuantized) {
    ClipLanes unused;
    mask_quantized<false>(u, i, lane, d, unused);
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
  if (mask == Mask::kQuantized)
    return two ? f.template operator()<true, Mask::kQuantized, false>()
               : f.template operator()<false, Mask::kQuantized, false>();
  if (u.term.mean)
    return two ? f.template operator()<true, Mask::kFromTerm, true>()
               : f.template operator()<false, Mask::kFromTerm, true>();
  return two ? f.template operator()<true, Mask::kFromTerm, false>()
             : f.template operator()<false, Mask::kFromTerm, false>();
}

struct SumOutputs {
  const float *x[2], *mean[2];  // of the normalised terms, null where not
  float *d, *sum_d, *sum_dx[2];
  ClipTotals* clip;
};

// d as masked(), and what it adds to the sums of the clips.
template <bool kTwo, Mask kMask, bool kNormalised>
[[gnu::always_inline]] inline void masked_with_sums(const Upstream& u, std::int64_t i, std::int64_t lane, Lanes& d,
                                                    ClipLanes& clip) {
  if constexpr (kMask == Mask::kQuantized) {
    masked<kTwo, Mask::kNone, false>(u, i, lane, d);
    mask_quantized<true>(u, i, lane, d, clip);
  } else {
    masked<kTwo, kMask, kNormalised>(u, i, lane, d);
  }
}

[[gnu::always_inline]] inline void add_lanes(const Lanes& lanes, double& to) {
  for (std::int64_t i = 0; i < kLanes; ++i) to += static_cast<double>(lanes[i]);
}

template <bool kTwo, Mask kMask, bool kNormalised>
[[gnu::always_inline]] inline void sums_loop(const Upstream& u, const SumOutputs& out, std::int64_t size,
                                             std::int64_t period) {
  for (std::int64_t group = 0; group < period; group += kGroup) {
    Lanes sums[4] = {}, sums0[4] = {}, sums1[4] = {};
    for_runs(
        group, size, period, [&](std::int64_t begin, std::int64_t end) __attribute__((always_inline)) {
          Lanes s[4] = {}, s0[4] = {}, s1[4] = {};
          ClipLanes clip;
          for (std::int64_t i = begin; i < end; i += period)
            for (int v = 0; v < 4; ++v) {
              const std::int64_t at = i + v * kLanes, lane = group + v * kLanes;
              Lanes d, x, mean;
              masked_with_sums<kTwo, kMask, kNormalised>(u, at, lane, d, clip);
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
            sums[v] += s[v];
            sums0[v] += s0[v];
            sums1[v] += s1[v];
          }
          if constexpr (kMask == Mask::kQuantized) {
            add_lanes(clip.within, out.clip->within);
            add_lanes(clip.above, out.clip->above);
            add_lanes(clip.below, out.clip->below);
          }
        });
    for (int v = 0; v < 4; ++v) {
      const std::int64_t lane = group + v * kLanes;
      store(out.sum_d + lane, sums[v]);
      if (out.x[0]) store(out.sum_dx[0] + lane, sums0[v]);
      if (out.x[1]) store(out.sum_dx[1] + lane, sums1[v]);
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

// The streams of an EpilogueGradient.
struct Gradient {
  Gradient(const Periods& p, std::int64_t channels, const EpilogueGradient& g)
      : dy0(p, g.dy[0]),
        dy1(p, g.dy[1]),
        y(p, g.clamp.does_something() ? g.y : nullptr),
        terms{{p, channels, g.terms[0]}, {p, channels, g.terms[1]}},
        mask(g.quantizer                 ? Mask::kQuantized
             : !g.clamp.does_something() ? Mask::kNone
             : g.y                       ? Mask::kFromResult
                                         : Mask::kFromTerm),
        clip(g),
        clamp(g.clamp) {}
  Upstream at(std::int64_t begin) const {
    return {dy0.at(begin), dy1.at(begin), y.at(begin), terms[0].at(begin), terms[1].at(begin), clip, clamp};
  }
  Stream dy0, dy1, y;
  RepeatedTerm terms[2];
  Mask mask;
  Clip clip;
  Clamp clamp;
};

// See clipped_backward() in fake_quant.h. Beyond the grid e is the same for all: that of the clip.
ClipGradients clip_gradients(const ClippedGrid& quantizer, const std::vector<ClipTotals>& parts) {
  ClipTotals total;
  for (const ClipTotals& part : parts) {
    total.within += part.within;
    total.above += part.above;
    total.below += part.below;
  }
  const double steps = static_cast<double>(quantizer.grid.high - quantizer.grid.low);
  const auto rest = [&](float clip) {
    const float t = clip / quantizer.grid.scale;
    return static_cast<double>((std::rint(t) - t) / (quantizer.grid.high - quantizer.grid.low));
  };
  const double e =
      total.within / steps + rest(quantizer.clip_max) * total.above + rest(quantizer.clip_min) * total.below;
  return {e + total.above, total.below - e};
}

}  // namespace

ClipGradients epilogue_backward_sums(const Rows& shape, const EpilogueGradient& g, float* d, float* sum_d,
                                     float* const (&sum_dx)[2]) {
  const Periods p(shape);
  const Gradient gradient(p, shape.channels, g);
  Stream d_out(p, d);
  ChannelSums sums(p, shape.channels, 3);
  std::vector<ClipTotals> clips(static_cast<std::size_t>(p.chunks.count() + 1));
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    const Term t0 = gradient.terms[0].at(begin), t1 = gradient.terms[1].at(begin);
    float* const part = sums.part(k);
    const SumOutputs out{{t0.mean ? t0.x : nullptr, t1.mean ? t1.x : nullptr},
                         {t0.mean, t1.mean},
                         d_out.at(begin),
                         part,
                         {part + p.period, part + 2 * p.period},
                         &clips[static_cast<std::size_t>(k)]};
    sums_chunk(gradient.at(begin), gradient.mask, out, size, p.period);
  });
  d_out.store_tail();
  const auto write = [](const std::vector<double>& from, float* to) {
    std::transform(from.begin(), from.end(), to, [](double value) { return static_cast<float>(value); });
  };
  write(sums.total(0), sum_d);
  for (int t = 0; t < 2; ++t)
    if (g.terms[t].mean) write(sums.total(1 + t), sum_dx[t]);
  return g.quantizer ? clip_gradients(*g.quantizer, clips) : ClipGradients{0.0, 0.0};
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
