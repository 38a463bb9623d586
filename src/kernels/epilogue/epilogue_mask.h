// SPDX-License-Identifier: Apache-2.0
// What of the upstream gradient passes the quantizer and the clamp behind an epilogue, sixteen lanes at a time.
// Private to the room.
//
//   d = dy0 [+ dy1], and 0 where the mask closes:
//
//   kNone        no clamp: nothing to do
//   kFromResult  y is at hand: open where it is between the clamp's ends
//   kFromTerm    y was never written: the one term is computed again
//   kQuantized   nor was it before the quantizer: both terms are computed again; open where the grid reaches, too;
//                without a clamp, or with ReLU, whose zeros move no clip, so that the mask can come first
//   kQuantizedClamped   the same behind any clamp: what it cut still moves the clips
//
// With the last two the sums that the quantizer's clips want are made on the way.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/epilogue/epilogue_terms.h"

namespace octet::kernels {

enum class Mask { kNone, kFromResult, kFromTerm, kQuantized, kQuantizedClamped };

inline constexpr bool quantizes(Mask mask) { return mask == Mask::kQuantized || mask == Mask::kQuantizedClamped; }

inline bool is_relu(const Clamp& clamp) {
  return clamp.low == 0.0F && clamp.high == kReluClamp.high && !clamp.ends_pass;
}

// Where the clamp lets the gradient pass: from `low` to `high`, both included. And the quantizer behind the result,
// which is one from `bottom` to `top`.
struct Clip {
  float low, high;
  float scale = 1.0F, top = 0.0F, bottom = 0.0F;
  bool relu;

  explicit Clip(const EpilogueGradient& g) : low(g.clamp.low), high(g.clamp.high), relu(is_relu(g.clamp)) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (!g.clamp.ends_pass) {
      if (low != -kInfinity) low = std::nextafter(low, kInfinity);
      if (high != kInfinity) high = std::nextafter(high, -kInfinity);
    }
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

// What the clamp lets pass of d. One comparison for one selection: GCC 12 takes anything else apart.
[[gnu::always_inline]] inline void mask_clamped(const Clip& clip, const Lanes& value, Lanes& d) {
  const Lanes low = Lanes{} + clip.low, high = Lanes{} + clip.high;
  Lanes held = value > low ? value : low;
  held = held < high ? held : high;
  d = held == value ? d : Lanes{};
}

// d: upstream's gradient, masked by quantizer and clamp. The clips see all of it, the clamp's ends included.
template <Mask kMask, bool kSums>
[[gnu::always_inline]] inline void mask_quantized(const Upstream& u, std::int64_t i, std::int64_t lane, Lanes& d,
                                                  ClipLanes& sums) {
  const Lanes top = Lanes{} + u.clip.top, bottom = Lanes{} + u.clip.bottom;
  Lanes unclamped, value;
  evaluate(u.term, u.second, i, lane, unclamped);
  value = unclamped;
  if constexpr (kMask == Mask::kQuantizedClamped)
    clamp_lanes(u.clamp, value);
  else if (u.clip.relu)
    d = value > 0 ? d : Lanes{};
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
  if constexpr (kMask == Mask::kQuantizedClamped) mask_clamped(u.clip, unclamped, d);
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
  if constexpr (quantizes(kMask)) {
    ClipLanes unused;
    mask_quantized<kMask, false>(u, i, lane, d, unused);
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
  if (mask == Mask::kQuantizedClamped)
    return two ? f.template operator()<true, Mask::kQuantizedClamped, false>()
               : f.template operator()<false, Mask::kQuantizedClamped, false>();
  if (u.term.mean)
    return two ? f.template operator()<true, Mask::kFromTerm, true>()
               : f.template operator()<false, Mask::kFromTerm, true>();
  return two ? f.template operator()<true, Mask::kFromTerm, false>()
             : f.template operator()<false, Mask::kFromTerm, false>();
}

inline Mask mask_of(const EpilogueGradient& g) {
  if (g.quantizer) return g.clamp.does_something() && !is_relu(g.clamp) ? Mask::kQuantizedClamped : Mask::kQuantized;
  if (!g.clamp.does_something()) return Mask::kNone;
  return g.y ? Mask::kFromResult : Mask::kFromTerm;
}

// The streams of an EpilogueGradient.
struct Gradient {
  Gradient(const Periods& p, std::int64_t channels, const EpilogueGradient& g)
      : dy0(p, g.dy[0]),
        dy1(p, g.dy[1]),
        y(p, g.clamp.does_something() ? g.y : nullptr),
        terms{{p, channels, g.terms[0]}, {p, channels, g.terms[1]}},
        mask(mask_of(g)),
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
