// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/epilogue/epilogue.h"

#include <algorithm>
#include <vector>

#include "octet/kernels/epilogue/epilogue_terms.h"

namespace octet::kernels {
namespace {

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

template <bool kRelu>
[[gnu::always_inline]] inline void any_forward_loop(const Term& a, const Term& b, std::int64_t size,
                                                    std::int64_t period, float* y) {
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate(a, b, i + lane, lane, value);
      if constexpr (kRelu) value = value < 0 ? Lanes{} : value;
      store(y + i + lane, value);
    }
}

OCTET_CLONES void forward_chunk(const Term& a, const Term& b, bool relu, std::int64_t size, std::int64_t period,
                                float* y) {
  if (a.q || b.q)
    return relu ? any_forward_loop<true>(a, b, size, period, y) : any_forward_loop<false>(a, b, size, period, y);
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

template <bool kRelu>
[[gnu::always_inline]] inline bool quantize_loop(const Term& a, const Term& b, const Int8Scale& s, std::int64_t size,
                                                 std::int64_t period, std::uint8_t* q) {
  const LaneGrid grid(s);
  Lanes bad = {};
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate(a, b, i + lane, lane, value);
      if constexpr (kRelu) value = value < 0 ? Lanes{} : value;
      bad += value - value;
      store_quantized(grid, value, q + i + lane);
    }
  return all_zero(bad);
}

OCTET_CLONES bool quantize_chunk(const Term& a, const Term& b, bool relu, const Int8Scale& s, std::int64_t size,
                                 std::int64_t period, std::uint8_t* q) {
  return relu ? quantize_loop<true>(a, b, s, size, period, q) : quantize_loop<false>(a, b, s, size, period, q);
}
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

bool epilogue_quantize(const Rows& shape, const EpilogueTerm (&terms)[2], bool relu, const Int8Scale& grid,
                       std::uint8_t* q) {
  const Periods p(shape);
  const RepeatedTerm a(p, shape.channels, terms[0]), b(p, shape.channels, terms[1]);
  ByteStream out(p, q);
  std::vector<char> finite(static_cast<std::size_t>(p.chunks.count() + 1), 1);
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    finite[static_cast<std::size_t>(k)] =
        quantize_chunk(a.at(begin), b.at(begin), relu, grid, size, p.period, out.at(begin));
  });
  out.store_tail();
  return std::ranges::all_of(finite, [](char f) { return f != 0; });
}

}  // namespace octet::kernels
