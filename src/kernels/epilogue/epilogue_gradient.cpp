// SPDX-License-Identifier: Apache-2.0
// The gradient of epilogue.h, in two passes over memory. With y = clamp( bn(x0) [+ bn(x1) or x1] ) and d the upstream
// gradient where the clamp lets it pass (epilogue_mask.h):
//
//   first   d  ->  sum_d[c] = sum d,   sum_dx[t][c] = sum d * (x_t - mean_t)      (epilogue_backward_sums)
//   then    dx_t = k0[c] * d + k1[c] * (x_t - mean_t) + k2[c]                     (epilogue_backward_apply)
//
// where k0, k1, k2 come from the sums (autograd/epilogue_backward.h has the formula). The second pass needs all sums,
// so one pass is not possible. d itself is written in the first where somebody else takes it as it is: the shortcut. A
// combination without a batch norm needs d alone (epilogue_backward_mask).
//
// Rows are walked in periods, as many rows as fill whole vectors (periods.h): the lanes of a channel are then always
// the same, and sums stay in registers. Each loop exists once for each kind of mask and for one or two upstream
// gradients (for_kind), so that the inner loop asks nothing.
#include <algorithm>
#include <cmath>
#include <vector>

#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/epilogue/epilogue_mask.h"

namespace octet::kernels {
namespace {

struct SumOutputs {
  const float *x[2], *mean[2];  // of the normalised terms, null where not
  float *d, *sum_d, *sum_dx[2];
  ClipTotals* clip;
};

// d as masked(), and what it adds to the sums of the clips.
template <bool kTwo, Mask kMask, bool kNormalised>
[[gnu::always_inline]] inline void masked_with_sums(const Upstream& u, std::int64_t i, std::int64_t lane, Lanes& d,
                                                    ClipLanes& clip) {
  if constexpr (quantizes(kMask)) {
    masked<kTwo, Mask::kNone, false>(u, i, lane, d);
    mask_quantized<kMask, true>(u, i, lane, d, clip);
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
          if constexpr (quantizes(kMask)) {
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
