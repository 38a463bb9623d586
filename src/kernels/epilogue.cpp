// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/epilogue.h"

#include <algorithm>
#include <vector>

#include "octet/kernels/periods.h"

namespace octet::kernels {
namespace {

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
    Lanes sums[4] = {}, sums0[4] = {}, sums1[4] = {};
    for_runs(
        group, size, period, [&](std::int64_t begin, std::int64_t end) __attribute__((always_inline)) {
          Lanes s[4] = {}, s0[4] = {}, s1[4] = {};
          for (std::int64_t i = begin; i < end; i += period)
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
            sums[v] += s[v];
            sums0[v] += s0[v];
            sums1[v] += s1[v];
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
