// SPDX-License-Identifier: Apache-2.0
// Four bytes of a window are multiplied with the weights of 16 or 32 output channels at once; the sums of up to eight
// pixels stay in registers over the whole window. In windows of three pixels that move by one, what is loaded serves
// the three windows that see it. There is a function for each number of pixels and vectors, so that the compiler knows
// which registers.
#include "octet/kernels/int8/int8_direct_block.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include <array>
#include <cstring>
#include <utility>

#include "octet/kernels/core/simd.h"

#define OCTET_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace octet::kernels {
namespace {

template <int kPixels, int kVectors>
using Sums = __m512i[kPixels][kVectors];

template <int kPixels, int kVectors>
[[gnu::always_inline]] OCTET_VNNI inline void load_sums(const std::int32_t* from, std::uint32_t last_lanes,
                                                        Sums<kPixels, kVectors>& sums) {
  for (int v = 0; v < kVectors; ++v) {
    const auto lanes = static_cast<__mmask16>(v + 1 < kVectors ? 0xFFFF : last_lanes);
    const __m512i vector = from ? _mm512_maskz_loadu_epi32(lanes, from + kLanes * v) : _mm512_setzero_si512();
    for (int p = 0; p < kPixels; ++p) sums[p][v] = vector;
  }
}

template <int kPixels, int kVectors>
[[gnu::always_inline]] OCTET_VNNI inline void store_sums(const Sums<kPixels, kVectors>& sums, std::uint32_t last_lanes,
                                                         std::int64_t channels, std::int32_t* to) {
  for (int p = 0; p < kPixels; ++p)
    for (int v = 0; v < kVectors; ++v) {
      const auto lanes = static_cast<__mmask16>(v + 1 < kVectors ? 0xFFFF : last_lanes);
      _mm512_mask_storeu_epi32(to + p * channels + kLanes * v, lanes, sums[p][v]);
    }
}

[[gnu::always_inline]] OCTET_VNNI inline __m512i four_bytes(const std::uint8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm512_set1_epi32(four);
}

constexpr std::int64_t kCacheLine = 64;

// One step of a window's loop asks for one cache line, into the second cache.
[[gnu::always_inline]] inline const std::int8_t* ask_for(const std::int8_t* soon) {
  __builtin_prefetch(soon, 0, 2);
  return soon + kCacheLine;
}

// Each adds up one block. They return how far weights were asked for.
template <int kPixels, int kVectors>
struct AnyWindow {
  [[gnu::always_inline]] OCTET_VNNI static inline const std::int8_t* add(const Int8DirectBlocks& b, std::int64_t at,
                                                                         const std::int8_t* soon,
                                                                         Sums<kPixels, kVectors>& sums) {
    const std::int8_t* w = b.w;
    for (std::int64_t row = 0; row < b.kernel_rows; ++row) {
      const std::uint8_t* x = b.x + (at + row * b.pitch);
      for (std::int64_t g = 0; g < b.groups; ++g, x += 4, w += 64 * kVectors) {
        soon = ask_for(soon);
        __m512i weights[kVectors];
        for (int v = 0; v < kVectors; ++v) weights[v] = _mm512_loadu_si512(w + 64 * v);
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; ++p) {
          const __m512i four = four_bytes(x + p * b.step);
          for (int v = 0; v < kVectors; ++v) sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], four, weights[v]);
        }
      }
    }
    return soon;
  }
};

template <int kPixels, int kVectors, bool kLeftEdge, bool kRightEdge>
struct WindowOfThree {
  [[gnu::always_inline]] OCTET_VNNI static inline const std::int8_t* add(const Int8DirectBlocks& b, std::int64_t at,
                                                                         const std::int8_t* soon,
                                                                         Sums<kPixels, kVectors>& sums) {
    const std::int8_t* w = b.w;
    for (std::int64_t row = 0; row < b.kernel_rows; ++row) {
      std::int64_t byte = at + row * b.pitch;
      for (std::int64_t g = 0; g < b.groups; g += 3, byte += 4, w += 3 * 64 * kVectors) {
        soon = ask_for(soon);
        __m512i weights[3][kVectors];
        for (int t = 0; t < 3; ++t)
          for (int v = 0; v < kVectors; ++v) weights[t][v] = _mm512_loadu_si512(w + 64 * (t * kVectors + v));
#pragma GCC unroll 10
        for (int i = 0; i < kPixels + 2; ++i) {
          if ((kLeftEdge && i == 0) || (kRightEdge && i == kPixels + 1)) continue;
          const __m512i four = four_bytes(b.x + (byte + i * b.step));
#pragma GCC unroll 3
          for (int t = 0; t < 3; ++t) {
            const int p = i - t;
            if (p < 0 || p >= kPixels) continue;
            for (int v = 0; v < kVectors; ++v) sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], four, weights[t][v]);
          }
        }
      }
    }
    return soon;
  }
};

template <int kPixels, int kVectors, typename Window>
OCTET_VNNI const std::int8_t* compute(const Int8DirectBlocks& b, std::uint32_t last_lanes, WeightsAhead ahead) {
  for (std::int64_t row = 0; row < b.rows; ++row)
    for (std::int64_t column = 0; column < b.columns; ++column) {
      const bool asks = ahead.begin < ahead.end;
      Sums<kPixels, kVectors> sums;
      load_sums<kPixels, kVectors>(b.start, last_lanes, sums);
      const std::int8_t* const asked =
          Window::add(b, b.at + row * b.row + column * kPixels * b.step, asks ? ahead.begin : b.w, sums);
      if (asks) ahead.begin = asked;
      store_sums<kPixels, kVectors>(sums, last_lanes, b.acc_channels,
                                    b.acc + row * b.acc_row + column * kPixels * b.acc_channels);
    }
  return ahead.begin;
}

using Compute = const std::int8_t* (*)(const Int8DirectBlocks&, std::uint32_t, WeightsAhead);
using ByPixels = std::array<Compute, kBlockPixels>;

// By kind of window and edges, then by pixels - 1.
template <int kVectors, int... kBefore>
constexpr std::array<ByPixels, 5> forms(std::integer_sequence<int, kBefore...>) {
  return {{{compute<kBefore + 1, kVectors, AnyWindow<kBefore + 1, kVectors>>...},
           {compute<kBefore + 1, kVectors, WindowOfThree<kBefore + 1, kVectors, false, false>>...},
           {compute<kBefore + 1, kVectors, WindowOfThree<kBefore + 1, kVectors, true, false>>...},
           {compute<kBefore + 1, kVectors, WindowOfThree<kBefore + 1, kVectors, false, true>>...},
           {compute<kBefore + 1, kVectors, WindowOfThree<kBefore + 1, kVectors, true, true>>...}}};
}
constexpr auto kOneVector = forms<1>(std::make_integer_sequence<int, kBlockPixels>());
constexpr auto kTwoVectors = forms<2>(std::make_integer_sequence<int, kBlockPixels>());

}  // namespace

WeightsAhead int8_direct_blocks(const Int8DirectForm& form, const Int8DirectBlocks& blocks, WeightsAhead ahead) {
  const bool two = form.channels > kLanes;
  const int row = form.three ? 1 + form.left_edge + 2 * form.right_edge : 0;
  const ByPixels& by_pixels = (two ? kTwoVectors : kOneVector)[static_cast<std::size_t>(row)];
  const Compute compute = by_pixels[static_cast<std::size_t>(form.pixels - 1)];
  return {compute(blocks, (1U << (form.channels - (two ? kLanes : 0))) - 1, ahead), ahead.end};
}

}  // namespace octet::kernels

#else

namespace octet::kernels {

// No machine without VNNI asks for it.
WeightsAhead int8_direct_blocks(const Int8DirectForm&, const Int8DirectBlocks&, WeightsAhead ahead) { return ahead; }

}  // namespace octet::kernels

#endif
