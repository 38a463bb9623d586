// SPDX-License-Identifier: Apache-2.0
// The epilogue of an int8 layer in AVX-512: sixteen sums become sixteen bytes without leaving the registers.
//
//   sums (int32)  --+ correction, bias, * scale-->  y
//   y             --rounded to the inner grid, if the layer has one-->  y
//   y             --+ the residual: floats, or bytes of another grid-->  y
//   y             --clamped-->  y, written where somebody reads floats
//   y             --rounded to the output's grid-->  bytes
//
// Which of these a layer has is known when the model is planned, so there is one loop for each combination (Form); the
// functions choose_*() at the end ask one question each and come to it. The loop takes four vectors at a time, one
// after the other row of a tile, with the channels' constants in registers; rows and channels that do not fill vectors
// go one vector at a time, masked.
//
// A division takes 16 cycles of a port; x / s is had in two operations instead: 1/s is held as the sum of two floats
// r + d, and x * r + (x * d) has one rounding that matters. It differs from the rounded quotient in rare last bits at
// most, which matter only where a quotient is next to a half, so that those places are tried one by one before a scale
// is used (avx512_quantizes_exactly). What a scale or an instruction set does not allow goes to int8_epilogue.cpp, by
// the definition. A residual that is quantized, and whose sum is quantized, is a function of two bytes: two fused steps
// compute it where trying all pairs shows that they do (int8_byte_sum.cpp).
#include "octet/kernels/int8/int8_epilogue_loops.h"

#include <cmath>

#include "octet/kernels/quantize/grid_level.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__)

#include <immintrin.h>

#define OCTET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))

namespace octet::kernels {
namespace {

using Plan = Int8Finisher::Plan;
using Residual = Int8Epilogue::Residual;

// Held in registers through a tile.
struct Grid {
  __m512 reciprocal, rest;  // 1 / scale = reciprocal + rest
  __m512 scale, low, high;  // low, high: x beyond these is beyond the grid by one step or more
  __m512i zero_point;
  __m512 first, last;  // the grid's ends as multiples of scale
};

[[gnu::always_inline]] OCTET_AVX512 inline Grid make_grid(const Int8Scale& s) {
  const auto zero = static_cast<float>(s.zero_point);
  const float reciprocal = 1.0F / s.scale;
  return {_mm512_set1_ps(reciprocal),
          _mm512_set1_ps(static_cast<float>(1.0 / s.scale - reciprocal)),
          _mm512_set1_ps(s.scale),
          _mm512_set1_ps((-zero - 1.0F) * s.scale),
          _mm512_set1_ps((256.0F - zero) * s.scale),
          _mm512_set1_epi32(s.zero_point),
          _mm512_set1_ps(-zero),
          _mm512_set1_ps(255.0F - zero)};
}

// x / scale. Unless x is known to be a moderate number of steps, it is held within one step of the grid first:
// infinities would become NaN, and NaN becomes the lower end.
template <bool kModerate>
[[gnu::always_inline]] OCTET_AVX512 inline __m512 quotient(const Grid& g, __m512 x) {
  if constexpr (!kModerate) x = _mm512_min_ps(_mm512_max_ps(x, g.low), g.high);
  return _mm512_fmadd_ps(x, g.reciprocal, _mm512_mul_ps(x, g.rest));
}

// q before it is held to a byte.
template <bool kModerate>
[[gnu::always_inline]] OCTET_AVX512 inline __m512i quantized(const Grid& g, __m512 x) {
  return _mm512_add_epi32(_mm512_cvtps_epi32(quotient<kModerate>(g, x)), g.zero_point);
}

[[gnu::always_inline]] OCTET_AVX512 inline __m128i to_bytes(__m512i q) {
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, _mm512_setzero_si512()));
}
// 64 bytes of four vectors, in their order.
[[gnu::always_inline]] OCTET_AVX512 inline __m512i to_bytes(const __m512i (&q)[4]) {
  const __m512i low = _mm512_packs_epi32(q[0], q[1]), high = _mm512_packs_epi32(q[2], q[3]);
  const __m512i lanes = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  return _mm512_permutexvar_epi32(lanes, _mm512_packus_epi16(low, high));
}

struct Channels {
  __m512i correction;
  __m512 bias, scale;
};

// All that is known when the loop is compiled.
enum class Inner { kNone, kPlain, kByteSum };
template <bool kReady, Inner kInner, Residual kResidual, bool kLow, bool kHigh, bool kFloat, bool kOutput,
          bool kModerate>
struct Form {
  static constexpr bool ready = kReady;
  static constexpr bool low = kLow, high = kHigh, keeps_float = kFloat, output = kOutput, moderate = kModerate;
  static constexpr Inner inner = kInner;
  static constexpr Residual residual = kResidual;
};

struct Constants {
  Grid inner, output;
  __m512 residual_scale, residual_zero, low, high;
  __m512 sum_level, sum_residual, sum_constant;  // of a byte sum
  __m512i inner_first, inner_last;
};

[[gnu::always_inline]] OCTET_AVX512 inline __m512 byte_residual(__mmask16 lanes, const Int8Results& out,
                                                                std::int64_t at) {
  const __m128i q = _mm_maskz_loadu_epi8(lanes, static_cast<const std::uint8_t*>(out.residual) + at);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(q));
}

// Up to the clamp; y is written if it is wanted.
template <typename F>
[[gnu::always_inline]] OCTET_AVX512 inline __m512 real_result(const Constants& k, const Channels& c,
                                                              const std::int32_t* acc, __mmask16 lanes, std::int64_t at,
                                                              const Int8Results& out) {
  const __m512i sums = _mm512_maskz_loadu_epi32(lanes, acc);
  __m512 y;
  if constexpr (F::ready)
    y = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), c.scale);
  else
    y = _mm512_mul_ps(_mm512_add_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(sums, c.correction)), c.bias), c.scale);
  if constexpr (F::inner != Inner::kNone) {
    __m512i level = _mm512_cvtps_epi32(quotient<F::moderate>(k.inner, y));
    level = _mm512_min_epi32(_mm512_max_epi32(level, k.inner_first), k.inner_last);
    y = _mm512_cvtepi32_ps(level);  // through integers: no -0
    if constexpr (F::inner == Inner::kByteSum)
      return _mm512_fmadd_ps(y, k.sum_level,
                             _mm512_fmadd_ps(byte_residual(lanes, out, at), k.sum_residual, k.sum_constant));
    y = _mm512_mul_ps(y, k.inner.scale);
  }
  if constexpr (F::residual == Residual::kFloat)
    y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes, static_cast<const float*>(out.residual) + at));
  if constexpr (F::residual == Residual::kQuantized)
    y = _mm512_add_ps(y,
                      _mm512_mul_ps(_mm512_sub_ps(byte_residual(lanes, out, at), k.residual_zero), k.residual_scale));
  if constexpr (F::low) y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(y, k.low, _CMP_LT_OQ), k.low);
  if constexpr (F::high) y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(y, k.high, _CMP_GT_OQ), k.high);
  if constexpr (F::keeps_float) _mm512_mask_storeu_ps(out.y + at, lanes, y);
  return y;
}

// q before it is held to a byte.
template <typename F>
[[gnu::always_inline]] OCTET_AVX512 inline __m512i integer_result(const Constants& k, const Channels& c,
                                                                  const std::int32_t* acc, __mmask16 lanes,
                                                                  std::int64_t at, const Int8Results& out) {
  const __m512 y = real_result<F>(k, c, acc, lanes, at, out);
  if constexpr (F::inner == Inner::kByteSum)
    return _mm512_add_epi32(_mm512_cvtps_epi32(y), k.output.zero_point);
  else if constexpr (F::output)
    return quantized<F::moderate>(k.output, y);
  else
    return _mm512_setzero_si512();
}

template <typename F>
[[gnu::always_inline]] OCTET_AVX512 inline void finish_vector(const Constants& k, const Channels& c,
                                                              const std::int32_t* acc, __mmask16 lanes, std::int64_t at,
                                                              const Int8Results& out) {
  const __m512i q = integer_result<F>(k, c, acc, lanes, at, out);
  if constexpr (F::output) _mm_mask_storeu_epi8(out.q + at, lanes, to_bytes(q));
}

template <typename F>
[[gnu::always_inline]] OCTET_AVX512 inline void finish_four(const Constants& k, const Channels (&c)[4],
                                                            const std::int32_t* acc, std::int64_t at,
                                                            const Int8Results& out) {
  constexpr __mmask16 kAll = 0xFFFF;
  const __m512i q[4] = {integer_result<F>(k, c[0], acc, kAll, at, out),
                        integer_result<F>(k, c[1], acc + 16, kAll, at + 16, out),
                        integer_result<F>(k, c[2], acc + 32, kAll, at + 32, out),
                        integer_result<F>(k, c[3], acc + 48, kAll, at + 48, out)};
  if constexpr (F::output) _mm512_storeu_si512(out.q + at, to_bytes(q));
}

[[gnu::always_inline]] OCTET_AVX512 inline Channels load_channels(const Plan& p, std::int64_t lane) {
  return {_mm512_loadu_si512(p.correction.data() + lane), _mm512_loadu_ps(p.bias.data() + lane),
          _mm512_loadu_ps(p.scale.data() + lane)};
}

template <typename F>
OCTET_AVX512 void finish(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  const Constants k{make_grid(p.inner),
                    make_grid(p.output),
                    _mm512_set1_ps(p.residual_scale.scale),
                    _mm512_set1_ps(static_cast<float>(p.residual_scale.zero_point)),
                    _mm512_set1_ps(p.low),
                    _mm512_set1_ps(p.high),
                    _mm512_set1_ps(p.byte_sum.level),
                    _mm512_set1_ps(p.byte_sum.residual),
                    _mm512_set1_ps(p.byte_sum.constant),
                    _mm512_set1_epi32(-p.inner.zero_point),
                    _mm512_set1_epi32(255 - p.inner.zero_point)};
  const std::int64_t periods = tile.rows / p.period_rows, out_period = p.period_rows * p.pitch;
  constexpr __mmask16 kAll = 0xFFFF;
  if (p.vectors == 4) {
    for (std::int64_t lane = 0; lane < p.period; lane += 64) {
      Channels c[4];
      for (int v = 0; v < 4; ++v) c[v] = load_channels(p, lane + 16 * v);
      const std::int32_t* acc = tile.acc + lane;
      std::int64_t at = tile.position + lane;
      for (std::int64_t i = 0; i < periods; ++i, acc += p.period, at += out_period) finish_four<F>(k, c, acc, at, out);
    }
  } else {
    for (std::int64_t i = 0; i < periods; ++i)
      for (std::int64_t lane = 0; lane < p.period; lane += 16)
        finish_vector<F>(k, load_channels(p, lane), tile.acc + i * p.period + lane, kAll,
                         tile.position + i * out_period + lane, out);
  }
  // What is left is less than a period, and whole rows of it lie side by side.
  const std::int64_t rest = (tile.rows - periods * p.period_rows) * p.width;
  for (std::int64_t lane = 0; lane < rest; lane += 16) {
    const auto lanes = static_cast<__mmask16>(rest - lane >= 16 ? 0xFFFF : (1 << (rest - lane)) - 1);
    finish_vector<F>(k, load_channels(p, lane), tile.acc + periods * p.period + lane, lanes,
                     tile.position + periods * out_period + lane, out);
  }
}

// Turns what a plan says into a Form, one question after the other.
template <bool kReady, Inner kInner, Residual kResidual, bool kLow, bool kHigh, bool kModerate>
void choose_results(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.keeps_float && p.has_output)
    return finish<Form<kReady, kInner, kResidual, kLow, kHigh, true, true, kModerate>>(p, tile, out);
  if (p.keeps_float) return finish<Form<kReady, kInner, kResidual, kLow, kHigh, true, false, kModerate>>(p, tile, out);
  return finish<Form<kReady, kInner, kResidual, kLow, kHigh, false, true, kModerate>>(p, tile, out);
}
template <bool kReady, Inner kInner, Residual kResidual, bool kModerate>
void choose_clamp(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.clamps_high) return choose_results<kReady, kInner, kResidual, true, true, kModerate>(p, tile, out);
  if (p.clamps_low) return choose_results<kReady, kInner, kResidual, true, false, kModerate>(p, tile, out);
  return choose_results<kReady, kInner, kResidual, false, false, kModerate>(p, tile, out);
}
template <bool kReady, Inner kInner, Residual kResidual>
void choose_range(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if constexpr (kResidual != Residual::kFloat)
    if (p.moderate) return choose_clamp<kReady, kInner, kResidual, true>(p, tile, out);
  choose_clamp<kReady, kInner, kResidual, false>(p, tile, out);
}
template <bool kReady, Inner kInner>
void choose_residual(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.residual == Residual::kFloat) return choose_range<kReady, kInner, Residual::kFloat>(p, tile, out);
  if (p.residual == Residual::kQuantized) return choose_range<kReady, kInner, Residual::kQuantized>(p, tile, out);
  return choose_range<kReady, kInner, Residual::kNone>(p, tile, out);
}

template <bool kReady>
void choose_inner(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.has_byte_sum)
    return finish<Form<kReady, Inner::kByteSum, Residual::kQuantized, false, false, false, true, true>>(p, tile, out);
  if (p.has_inner) return choose_residual<kReady, Inner::kPlain>(p, tile, out);
  choose_residual<kReady, Inner::kNone>(p, tile, out);
}

OCTET_AVX512 void quantize_vector(const Int8Scale& s, const float* x, std::uint8_t* q) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), to_bytes(quantized<false>(make_grid(s), _mm512_loadu_ps(x))));
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
      if (static_cast<float>(q[i] - s.zero_point) != grid_level(s, x[i])) return false;
  }
  return true;
}

void finish_avx512(const Plan& p, const Int8Tile& tile, const Int8Results& out) {
  if (p.ready) return choose_inner<true>(p, tile, out);
  choose_inner<false>(p, tile, out);
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
