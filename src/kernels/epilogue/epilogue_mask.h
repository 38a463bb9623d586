// SPDX-License-Identifier: Apache-2.0
// What of the upstream gradient passes the quantizer and the clamp behind an epilogue, sixteen lanes at a time.
// Private to the room.
//
//   d = dy0 [+ dy1], and 0 where the mask closes:
//
//   kNone        no clamp: nothing to do
//   kFromResult  y is at hand: open where it is between the clamp's ends
//   kFromTerm    y was never written: the one term is computed again
//   kQuantized   nor was it before the quantizer: both terms are computed again; open where the grid reaches, too
//
// With kQuantized the sums that the quantizer's clips want are made on the way.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/epilogue/epilogue_terms.h"

namespace octet::kernels {

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

}  // namespace octet::kernels
