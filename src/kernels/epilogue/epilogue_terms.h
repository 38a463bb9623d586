// SPDX-License-Identifier: Apache-2.0
// The terms of an epilogue as its loops see them, sixteen lanes at a time. Private to the room.
#pragma once

#include <cstdint>

#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/float/periods.h"
#include "octet/kernels/quantize/quantize_lanes.h"

namespace octet::kernels {

struct Term {
  const float *x, *mean, *scale, *shift;  // parameters of one period
  const std::uint8_t* q;
  float step, zero;  // of q
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

// Any kind of term, found out on the way: for the loops that quantize, whose division hides it.
[[gnu::always_inline]] inline void evaluate(const Term& t, std::int64_t i, std::int64_t lane, Lanes& value) {
  if (t.q) return load_quantized(t.q + i, t.zero, t.step, value);
  if (t.mean) return evaluate<true>(t, i, lane, value);
  load(value, t.x + i);
}
[[gnu::always_inline]] inline void evaluate(const Term& a, const Term& b, std::int64_t i, std::int64_t lane,
                                            Lanes& value) {
  evaluate(a, i, lane, value);
  if (b.x || b.q) {
    Lanes other;
    evaluate(b, i, lane, other);
    value += other;
  }
}

[[gnu::always_inline]] inline void clamp_lanes(const Clamp& c, Lanes& value) {
  const Lanes low = Lanes{} + c.low, high = Lanes{} + c.high;
  value = value < low ? low : value;  // NaN stays
  value = value > high ? high : value;
}

struct RepeatedTerm {
  RepeatedTerm(const Periods& p, std::int64_t channels, const EpilogueTerm& t)
      : x(p, t.x),
        q(p, t.q),
        grid(t.grid),
        mean(t.mean, channels, p.period),
        scale(t.scale, channels, p.period),
        shift(t.shift, channels, p.period) {}
  Term at(std::int64_t begin) const {
    return {x.at(begin),
            mean.data(),
            scale.data(),
            shift.data(),
            q.at(begin),
            grid.scale,
            static_cast<float>(grid.zero_point)};
  }
  Stream x;
  ByteStream q;
  Int8Scale grid;
  Repeated mean, scale, shift;
};
}  // namespace octet::kernels
