// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/epilogue/epilogue.h"

#include <algorithm>
#include <vector>

#include "octet/kernels/epilogue/epilogue_terms.h"

namespace octet::kernels {
namespace {

enum Second { kNone, kPlain, kNorm };  // what the second term is

template <bool kFirstNorm, Second kSecond, bool kClamp>
[[gnu::always_inline]] inline void forward_loop(const Term& a, const Term& b, const Clamp& c, std::int64_t size,
                                                std::int64_t period, float* y) {
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate<kFirstNorm>(a, i + lane, lane, value);
      if constexpr (kSecond != kNone) {
        Lanes other;
        evaluate<kSecond == kNorm>(b, i + lane, lane, other);
        value += other;
      }
      if constexpr (kClamp) clamp_lanes(c, value);
      store(y + i + lane, value);
    }
}

template <bool kClamp>
[[gnu::always_inline]] inline void any_forward_loop(const Term& a, const Term& b, const Clamp& c, std::int64_t size,
                                                    std::int64_t period, float* y) {
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate(a, b, i + lane, lane, value);
      if constexpr (kClamp) clamp_lanes(c, value);
      store(y + i + lane, value);
    }
}

OCTET_CLONES void forward_chunk(const Term& a, const Term& b, const Clamp& c, std::int64_t size, std::int64_t period,
                                float* y) {
  const bool clamps = c.does_something();
  if (a.q || b.q)
    return clamps ? any_forward_loop<true>(a, b, c, size, period, y)
                  : any_forward_loop<false>(a, b, c, size, period, y);
  const bool norm = a.mean != nullptr;
  const Second second = !b.x ? kNone : b.mean ? kNorm : kPlain;
  const auto run = [&]<bool kClamp>() __attribute__((always_inline)) {
    if (norm && second == kNone) return forward_loop<true, kNone, kClamp>(a, b, c, size, period, y);
    if (norm && second == kPlain) return forward_loop<true, kPlain, kClamp>(a, b, c, size, period, y);
    if (norm && second == kNorm) return forward_loop<true, kNorm, kClamp>(a, b, c, size, period, y);
    if (second == kNone) return forward_loop<false, kNone, kClamp>(a, b, c, size, period, y);
    if (second == kPlain) return forward_loop<false, kPlain, kClamp>(a, b, c, size, period, y);
    return forward_loop<false, kNorm, kClamp>(a, b, c, size, period, y);
  };
  clamps ? run.template operator()<true>() : run.template operator()<false>();
}

template <bool kClamp>
[[gnu::always_inline]] inline bool quantize_loop(const Term& a, const Term& b, const Clamp& c, const Int8Scale& s,
                                                 std::int64_t size, std::int64_t period, std::uint8_t* q) {
  const LaneGrid grid(s);
  Lanes bad = {};
  for (std::int64_t i = 0; i < size; i += period)
    for (std::int64_t lane = 0; lane < period; lane += kLanes) {
      Lanes value;
      evaluate(a, b, i + lane, lane, value);
      if constexpr (kClamp) clamp_lanes(c, value);
      bad += value - value;
      store_quantized(grid, value, q + i + lane);
    }
  return all_zero(bad);
}

OCTET_CLONES bool quantize_chunk(const Term& a, const Term& b, const Clamp& c, const Int8Scale& s, std::int64_t size,
                                 std::int64_t period, std::uint8_t* q) {
  return c.does_something() ? quantize_loop<true>(a, b, c, s, size, period, q)
                            : quantize_loop<false>(a, b, c, s, size, period, q);
}
}  // namespace

void epilogue_forward(const Rows& shape, const EpilogueTerm (&terms)[2], const Clamp& clamp, float* y) {
  const Periods p(shape);
  const RepeatedTerm a(p, shape.channels, terms[0]), b(p, shape.channels, terms[1]);
  Stream out(p, y);
  for_chunks(p, [&](std::int64_t, std::int64_t begin, std::int64_t size) {
    forward_chunk(a.at(begin), b.at(begin), clamp, size, p.period, out.at(begin));
  });
  out.store_tail();
}

bool epilogue_quantize(const Rows& shape, const EpilogueTerm (&terms)[2], const Clamp& clamp, const Int8Scale& grid,
                       std::uint8_t* q) {
  const Periods p(shape);
  const RepeatedTerm a(p, shape.channels, terms[0]), b(p, shape.channels, terms[1]);
  ByteStream out(p, q);
  std::vector<char> finite(static_cast<std::size_t>(p.chunks.count() + 1), 1);
  for_chunks(p, [&](std::int64_t k, std::int64_t begin, std::int64_t size) {
    finite[static_cast<std::size_t>(k)] =
        quantize_chunk(a.at(begin), b.at(begin), clamp, grid, size, p.period, out.at(begin));
  });
  out.store_tail();
  return std::ranges::all_of(finite, [](char f) { return f != 0; });
}

}  // namespace octet::kernels
