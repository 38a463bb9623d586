// SPDX-License-Identifier: Apache-2.0
// The epilogue in AVX-512. A division takes 16 cycles of a port; x / s is had in three operations instead (Markstein,
// 1990): t0 = x * r with r = 1/s rounded, then t = t0 + (x - t0 * s) * r with fused steps. It differs from the rounded
// quotient in rare last bits at most, which matter only where a quotient is next to a half, so that those places are
// tried one by one before a scale is used (avx512_quantizes_exactly).
#include "octet/kernels/int8_epilogue_loops.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__)

#include <immintrin.h>

#define OCTET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))

namespace octet::kernels {
namespace {

using Plan = Int8Finisher::Plan;
using Residual = Int8Epilogue::Residual;

// Held in registers through a tile.
struct Grid {
  __m512 scale, reciprocal, low, high;  // low, high: x beyond these is beyond the grid by one step or more
  __m512i zero_point;
  __m512 first, last;  // the grid's ends as multiples of scale
};

[[gnu::always_inline]] OCTET_AVX512 inline Grid make_grid(const Int8Scale& s) {
  const auto zero = static_cast<float>(s.zero_point);
  return {_mm512_set1_ps(s.scale),
          _mm512_set1_ps(1.0F / s.scale),
          _mm512_set1_ps((-zero - 1.0F) * s.scale),
          _mm512_set1_ps((256.0F - zero) * s.scale),
          _mm512_set1_epi32(s.zero_point),
          _mm512_set1_ps(-zero),
          _mm512_set1_ps(255.0F - zero)};
}

// x / scale, after x was held within one step of the grid: infinities would become NaN, and NaN becomes the lower end.
[[gnu::always_inline]] OCTET_AVX512 inline __m512 quotient(const Grid& g, __m512 x) {
  x = _mm512_min_ps(_mm512_max_ps(x, g.low), g.high);
  const __m512 t = _mm512_mul_ps(x, g.reciprocal);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(t, g.scale, x), g.reciprocal, t);
}

[[gnu::always_inline]] OCTET_AVX512 inline __m128i quantized(const Grid& g, __m512 x) {
  const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(quotient(g, x)), g.zero_point);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, _mm512_setzero_si512()));
}

struct Channels {
  __m512 bias, scale;
};

// All that is known when the loop is compiled.
template <bool kInner, Residual kResidual, bool kLow, bool kHigh, bool kFloat, bool kOutput>
struct Form {
  static constexpr bool inner = kInner, low = kLow, high = kHigh, keeps_float = kFloat, output = kOutput;
  static constexpr Residual residual = kResidual;
};

struct Constants {
  Grid inner, output;
  __m512 residual_scale, residual_zero, low, high;
};

template <typename F>
[[gnu::always_inline]] OCTET_AVX512 inline void finish_vector(const Constants& k, const Channels& c,
                                                              const std::int32_t* acc, __mmask16 lanes, std::int64_t at,
                                                              const Int8Results& out) {
  __m512 y = _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(lanes, acc));
  y = _mm512_mul_ps(_mm512_add_ps(y, c.bias), c.scale);
  if constexpr (F::inner) {
    __m512 level = _mm512_cvtepi32_ps(_mm512_cvtps_epi32(quotient(k.inner, y)));  // through integers: no -0
    level = _mm512_min_ps(_mm512_max_ps(level, k.inner.first), k.inner.last);
    y = _mm512_mul_ps(level, k.inner.scale);
  }
  if constexpr (F::residual == Residual::kFloat)
    y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes, static_cast<const float*>(out.residual) + at));
  if constexpr (F::residual == Residual::kQuantized) {
    const __m128i q = _mm_maskz_loadu_epi8(lanes, static_cast<const std::uint8_t*>(out.residual) + at);
    const __m512 r = _mm512_sub_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(q)), k.residual_zero);
    y = _mm512_add_ps(y, _mm512_mul_ps(r, k.residual_scale));
  }
  if constexpr (F::low) y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(y, k.low, _CMP_LT_OQ), k.low);
  if constexpr (F::high) y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(y, k.high, _CMP_GT_OQ), k.high);
  if constexpr (F::keeps_float) _mm512_mask_storeu_ps(out.y + at, lanes, y);
  if constexpr (F::output) _mm_mask_storeu_epi8(out.q + at, lanes, quantized(k.output, y));
}

template <typename F>
OCTET_AVX512 void finish(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  const Constants k{make_grid(p.inner),
                    make_grid(p.output),
                    _mm512_set1_ps(p.residual_scale.scale),
                    _mm512_set1_ps(static_cast<float>(p.residual_scale.zero_point)),
                    _mm512_set1_ps(p.low),
                    _mm512_set1_ps(p.high)};
  const float *const bias = p.bias.data(), *const scale = p.scale.data();
  const std::int64_t periods = tile.rows / p.period_rows, out_period = p.period_rows * p.pitch;
  constexpr __mmask16 kAll = 0xFFFF;
  if (p.vectors == 4) {
    for (std::int64_t lane = 0; lane < p.period; lane += 64) {
      Channels c[4];
      for (int v = 0; v < 4; ++v)
        c[v] = {_mm512_loadu_ps(bias + lane + 16 * v), _mm512_loadu_ps(scale + lane + 16 * v)};
      const std::int32_t* acc = tile.acc + lane;
      std::int64_t at = tile.position + lane;
      for (std::int64_t i = 0; i < periods; ++i, acc += p.period, at += out_period)
        for (int v = 0; v < 4; ++v) finish_vector<F>(k, c[v], acc + 16 * v, kAll, at + 16 * v, out);
    }
  } else {
    for (std::int64_t i = 0; i < periods; ++i)
      for (std::int64_t lane = 0; lane < p.period; lane += 16)
        finish_vector<F>(k, {_mm512_loadu_ps(bias + lane), _mm512_loadu_ps(scale + lane)},
                         tile.acc + i * p.period + lane, kAll, tile.position + i * out_period + lane, out);
  }
  // What is left is less than a period, and whole rows of it lie side by side.
  const std::int64_t rest = (tile.rows - periods * p.period_rows) * p.width;
  for (std::int64_t lane = 0; lane < rest; lane += 16) {
    const auto lanes = static_cast<__mmask16>(rest - lane >= 16 ? 0xFFFF : (1 << (rest - lane)) - 1);
    finish_vector<F>(k, {_mm512_loadu_ps(bias + lane), _mm512_loadu_ps(scale + lane)},
                     tile.acc + periods * p.period + lane, lanes, tile.position + periods * out_period + lane, out);
  }
}

// Turns what a plan says into a Form, one question after the other.
template <bool kInner, Residual kResidual, bool kLow, bool kHigh>
void choose_results(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.keeps_float && p.has_output) return finish<Form<kInner, kResidual, kLow, kHigh, true, true>>(p, tile, out);
  if (p.keeps_float) return finish<Form<kInner, kResidual, kLow, kHigh, true, false>>(p, tile, out);
  return finish<Form<kInner, kResidual, kLow, kHigh, false, true>>(p, tile, out);
}
template <bool kInner, Residual kResidual>
void choose_clamp(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.clamps_high) return choose_results<kInner, kResidual, true, true>(p, tile, out);
  if (p.clamps_low) return choose_results<kInner, kResidual, true, false>(p, tile, out);
  return choose_results<kInner, kResidual, false, false>(p, tile, out);
}
template <bool kInner>
void choose_residual(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.residual == Residual::kFloat) return choose_clamp<kInner, Residual::kFloat>(p, tile, out);
  if (p.residual == Residual::kQuantized) return choose_clamp<kInner, Residual::kQuantized>(p, tile, out);
  return choose_clamp<kInner, Residual::kNone>(p, tile, out);
}

OCTET_AVX512 void quantize_vector(const Int8Scale& s, const float* x, std::uint8_t* q) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), quantized(make_grid(s), _mm512_loadu_ps(x)));
}

// By the definition.
std::uint8_t quantize_one(const Int8Scale& s, float x) {
  const float t = std::nearbyint(x / s.scale) + static_cast<float>(s.zero_point);
  return static_cast<std::uint8_t>(t > 0.0F ? t < 255.0F ? t : 255.0F : 0.0F);
}

}  // namespace

bool avx512_quantizes_exactly(const Int8Scale& s) {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
    return false;
  if (!(s.scale > 0x1p-100F && s.scale < 0x1p100F)) return false;  // steps would leave the range of normal numbers
  for (int end = -1; end <= 256; ++end) {
    float x[16];
    x[8] = (static_cast<float>(end - s.zero_point) - 0.5F) * s.scale;
    for (int i = 8; i > 0; --i) x[i - 1] = std::nextafterf(x[i], -INFINITY);
    for (int i = 8; i < 15; ++i) x[i + 1] = std::nextafterf(x[i], INFINITY);
    std::uint8_t q[16];
    quantize_vector(s, x, q);
    for (int i = 0; i < 16; ++i)
      if (q[i] != quantize_one(s, x[i])) return false;
  }
  return true;
}

void finish_avx512(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.has_inner) return choose_residual<true>(p, tile, out);
  choose_residual<false>(p, tile, out);
}

}  // namespace octet::kernels

#else

namespace octet::kernels {

bool avx512_quantizes_exactly(const Int8Scale&) { return false; }
void finish_avx512(const Int8Finisher::Plan& p, const Int8Tile& tile, const Int8Results& out) {
  finish_plain(p, tile, out);
}

}  // namespace octet::kernels

#endif
