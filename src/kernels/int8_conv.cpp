// SPDX-License-Identifier: Apache-2.0
// Which kernel can be trusted is found out, not assumed: without VNNI oneDNN adds two products in 16 bits, which
// saturates, and releases with wrong int8 kernels have shipped. So each primitive is run once on hard data and compared
// with a scalar loop before it is used. In order of preference:
//
//   direct   one u8 x s8 primitive; its own zero point, or the zero point's share taken off afterwards
//   float32  integers in a float convolution: exact, because all sums stay below 2^24
//   split    q = 2 * (q >> 1) + (q & 1): two convolutions of at most 7 bits, whose products cannot saturate
//   loop     the scalar loop
#include "octet/kernels/int8_conv.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "octet/base/rng.h"
#include "octet/kernels/memory.h"
#include "octet/kernels/onednn.h"
#include "octet/kernels/parallel.h"
#include "octet/kernels/quantize.h"
#include "octet/kernels/simd.h"

namespace octet::kernels {
namespace {

using dnnl::memory;

constexpr std::int64_t kSlices = 8;  // of a batch, as in conv.cpp; the sums are exact, so the cut is free

// The layer seen from its input: what the convolution calls output is the input of the transposed one.
struct Layer {
  ConvKind kind;
  ConvShape s;

  bool plain() const { return kind == ConvKind::kPlain; }
  std::int64_t in_image() const { return plain() ? s.ci * s.h * s.w : s.co * s.oh * s.ow; }
  std::int64_t out_image() const { return plain() ? s.co * s.oh * s.ow : s.ci * s.h * s.w; }
  std::int64_t out_channels() const { return plain() ? s.co : s.ci; }
  // No output sums more products than this.
  std::int64_t products() const { return (plain() ? s.ci : s.co) / s.groups * s.kh * s.kw; }
};

// ---- the scalar loop ------------------------------------------------------------------------------------------------

// Calls f(input row, input column, weight row, weight column) for each tap of output (y, x).
template <typename F>
void for_taps(const Layer& l, std::int64_t y, std::int64_t x, const F& f) {
  const ConvShape& s = l.s;
  for (std::int64_t i = 0; i < s.kh; ++i)
    for (std::int64_t j = 0; j < s.kw; ++j) {
      if (l.plain()) {
        const std::int64_t h = y * s.stride.h - s.padding.h + i * s.dilation.h;
        const std::int64_t w = x * s.stride.w - s.padding.w + j * s.dilation.w;
        if (h >= 0 && h < s.h && w >= 0 && w < s.w) f(h, w, i, j);
      } else {
        const std::int64_t h = y + s.padding.h - i * s.dilation.h, w = x + s.padding.w - j * s.dilation.w;
        if (h < 0 || w < 0 || h % s.stride.h != 0 || w % s.stride.w != 0) continue;
        if (h / s.stride.h < s.oh && w / s.stride.w < s.ow) f(h / s.stride.h, w / s.stride.w, i, j);
      }
    }
}

// The weight between input channel k of its group and output channel c, at tap (0, 0); taps follow.
const std::int8_t* weights_of(const Layer& l, const std::int8_t* w, std::int64_t k, std::int64_t c) {
  const ConvShape& s = l.s;
  const std::int64_t taps = s.kh * s.kw;
  if (l.plain()) return w + (c * (s.ci / s.groups) + k) * taps;
  const std::int64_t per_group = s.ci / s.groups, group = c / per_group;
  return w + ((group * (s.co / s.groups) + k) * per_group + c % per_group) * taps;
}

std::int64_t scalar_sum(const Layer& l, const Int8Input& x, const std::int8_t* w, std::int64_t n, std::int64_t row,
                        std::int64_t column, std::int64_t c) {
  const ConvShape& s = l.s;
  const std::int64_t channels = l.plain() ? s.ci : s.co, width = l.plain() ? s.w : s.ow;
  const std::int64_t per_group = channels / s.groups, first = c / (l.out_channels() / s.groups) * per_group;
  const std::uint8_t* const image = x.q + n * l.in_image();
  std::int64_t sum = 0;
  for_taps(l, row, column, [&](std::int64_t h, std::int64_t v, std::int64_t i, std::int64_t j) {
    const std::uint8_t* const pixel = image + (h * width + v) * channels + first;
    for (std::int64_t k = 0; k < per_group; ++k)
      sum += std::int64_t{pixel[k] - x.zero_point} * weights_of(l, w, k, c)[i * s.kw + j];
  });
  return sum;
}

void loop(const Layer& l, const Int8Input& x, const std::int8_t* w, float* acc) {
  const std::int64_t rows = l.plain() ? l.s.oh : l.s.h, columns = l.plain() ? l.s.ow : l.s.w, c_out = l.out_channels();
  parallel_range(l.s.n * rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      for (std::int64_t v = 0; v < columns; ++v)
        for (std::int64_t c = 0; c < c_out; ++c)
          acc[(line * columns + v) * c_out + c] =
              static_cast<float>(scalar_sum(l, x, w, line / rows, line % rows, v, c));
  });
}

// ---- one slice on oneDNN --------------------------------------------------------------------------------------------

memory::desc zero_point_desc() { return memory::desc({1}, memory::data_type::s32, memory::format_tag::x); }

void execute(const ConvPrimitive& conv, const std::uint8_t* q, const void* packed_weights, const std::int32_t* zero,
             void* dst) {
  const Buffer scratchpad(static_cast<std::int64_t>(conv.scratchpad.get_size()));
  std::unordered_map<int, memory> args{{DNNL_ARG_SRC, wrap(conv.src, q)},
                                       {DNNL_ARG_WEIGHTS, wrap(conv.weights, packed_weights)},
                                       {DNNL_ARG_DST, wrap(conv.dst, dst)},
                                       {DNNL_ARG_SCRATCHPAD, wrap(conv.scratchpad, scratchpad.data())}};
  if (zero) args.emplace(DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, wrap(zero_point_desc(), zero));
  conv.primitive.execute(onednn_stream(), args);
  onednn_stream().wait();
}

Buffer pack(const Layer& l, const ConvPrimitive& conv, const std::int8_t* w) {
  Buffer packed(static_cast<std::int64_t>(conv.weights.get_size()));
  reorder(int8_weight_desc(l.kind, l.s), w, conv.weights, packed.data());
  return packed;
}

// How one shape is computed.
struct Path {
  enum Kind { kDirect, kFloat, kSplit, kLoop } kind = kLoop;
  ConvPrimitive conv{};
  bool own_zero_point = false;  // the primitive subtracts it
  bool is_float = false;        // the primitive's result is acc itself
};

// sum over the valid taps and input channels of the weights: [rows, columns, out channels]. What a zero point of 1 adds
// to every sum.
std::vector<std::int32_t> sums_of_ones(const Layer& l, const std::int8_t* w) {
  const ConvShape& s = l.s;
  const std::int64_t channels = l.out_channels(), per_group = (l.plain() ? s.ci : s.co) / s.groups;
  const std::int64_t rows = l.plain() ? s.oh : s.h, columns = l.plain() ? s.ow : s.w, taps = s.kh * s.kw;
  std::vector<std::int32_t> tap_sums(static_cast<std::size_t>(taps * channels));
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < per_group; ++k)
      for (std::int64_t t = 0; t < taps; ++t)
        tap_sums[static_cast<std::size_t>(t * channels + c)] += weights_of(l, w, k, c)[t];
  std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * columns * channels));
  for (std::int64_t y = 0; y < rows; ++y)
    for (std::int64_t x = 0; x < columns; ++x) {
      std::int32_t* const sum = sums.data() + (y * columns + x) * channels;
      for_taps(l, y, x, [&](std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
        const std::int32_t* const tap = tap_sums.data() + (i * s.kw + j) * channels;
        for (std::int64_t c = 0; c < channels; ++c) sum[c] += tap[c];
      });
    }
  return sums;
}

OCTET_CLONES void halve(std::int64_t n, const std::uint8_t* q, std::uint8_t* high, std::uint8_t* low) {
  for (std::int64_t i = 0; i < n; ++i) {
    high[i] = static_cast<std::uint8_t>(q[i] >> 1);
    low[i] = q[i] & 1U;
  }
}

// acc = float(a * factor [+ b] [- zero_point * ones]); integers throughout.
OCTET_CLONES void combine(std::int64_t n, const std::int32_t* a, std::int32_t factor, const std::int32_t* b,
                          std::int32_t zero_point, const std::int32_t* ones, float* acc) {
  for (std::int64_t i = 0; i < n; ++i) {
    std::int32_t sum = a[i] * factor;
    if (b) sum += b[i];
    if (ones) sum -= zero_point * ones[i];
    acc[i] = static_cast<float>(sum);
  }
}

// One slice of `n` images by a primitive that leaves something to do.
void run_in_parts(const Layer& l, const Path& path, const Int8Input& x, const void* packed, const std::int32_t* ones,
                  float* acc) {
  const std::int64_t in = l.s.n * l.in_image(), out = l.s.n * l.out_image();
  const Buffer sums(out * static_cast<std::int64_t>(sizeof(std::int32_t)));
  auto* const a = static_cast<std::int32_t*>(sums.data());
  Buffer more, halves;
  std::int32_t* b = nullptr;
  if (path.kind == Path::kSplit) {
    more = Buffer(out * static_cast<std::int64_t>(sizeof(std::int32_t)));
    b = static_cast<std::int32_t*>(more.data());
    halves = Buffer(2 * in);
    auto* const high = static_cast<std::uint8_t*>(halves.data());
    halve(in, x.q, high, high + in);
    execute(path.conv, high, packed, nullptr, a);
    execute(path.conv, high + in, packed, nullptr, b);
  } else {
    execute(path.conv, x.q, packed, nullptr, a);
  }
  for (std::int64_t i = 0; i < l.s.n; ++i) {
    const std::int64_t at = i * l.out_image();
    combine(l.out_image(), a + at, b ? 2 : 1, b ? b + at : nullptr, x.zero_point, ones, acc + at);
  }
}

void run_slice(const Layer& l, const Path& path, const Int8Input& x, const void* packed, const std::int32_t* ones,
               float* acc) {
  if (path.is_float)
    execute(path.conv, x.q, packed, path.own_zero_point ? &x.zero_point : nullptr, acc);
  else
    run_in_parts(l, path, x, packed, ones, acc);
  if (!l.plain()) clear_gaps(l.s, acc);
}

// ---- trust ----------------------------------------------------------------------------------------------------------

// Data that saturate where anything can: whole channels of the largest weights of one sign, activations near 255.
bool computes_exactly(const Layer& l, const Path& path) {
  constexpr int kSamples = 64;
  Rng rng(2026);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(n)));
  };
  std::vector<std::uint8_t> q(static_cast<std::size_t>(l.s.n * l.in_image()));
  for (std::uint8_t& v : q) v = static_cast<std::uint8_t>(below(4) == 0 ? below(256) : 255 - below(2));
  std::vector<std::int8_t> w(static_cast<std::size_t>(l.s.weight_count()));
  const std::int64_t channels = l.out_channels(), per_output = l.products() / (l.s.kh * l.s.kw);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < per_output; ++k) {
      std::int8_t* const taps = w.data() + (weights_of(l, w.data(), k, c) - w.data());
      for (std::int64_t t = 0; t < l.s.kh * l.s.kw; ++t)
        taps[t] = static_cast<std::int8_t>(c % 3 == 0 ? 127 : c % 3 == 1 ? -128 : below(256) - 128);
    }
  const Int8Input x{q.data(), path.own_zero_point || !path.is_float ? 117 : 0};
  std::vector<float> acc(static_cast<std::size_t>(l.s.n * l.out_image()));
  const Buffer packed = pack(l, path.conv, w.data());
  const std::vector<std::int32_t> ones = path.is_float ? std::vector<std::int32_t>() : sums_of_ones(l, w.data());
  run_slice(l, path, x, packed.data(), path.is_float ? nullptr : ones.data(), acc.data());

  const std::int64_t rows = l.plain() ? l.s.oh : l.s.h, columns = l.plain() ? l.s.ow : l.s.w;
  for (int i = 0; i < kSamples; ++i) {
    const std::int64_t n = below(l.s.n), y = i % 4 == 0 ? 0 : below(rows),
                       v = i % 4 == 1 ? columns - 1 : below(columns), c = below(channels);
    const auto expected = static_cast<float>(scalar_sum(l, x, w.data(), n, y, v, c));
    if (acc[static_cast<std::size_t>(((n * rows + y) * columns + v) * channels + c)] != expected) return false;
  }
  return true;
}

Path choose_path(const Layer& l, bool zero_point) {
  const auto attempt = [&](Path::Kind kind, bool own_zero_point, Int8Result result) -> std::optional<Path> {
    std::optional<ConvPrimitive> conv = make_int8_conv(l.kind, l.s, own_zero_point, result);
    if (!conv) return {};
    Path path{kind, std::move(*conv), own_zero_point, result == Int8Result::kFloat32};
    if (!computes_exactly(l, path)) return {};
    return path;
  };
  if (auto path = attempt(Path::kDirect, zero_point, Int8Result::kFloat32)) return *path;
  if (zero_point)
    if (auto path = attempt(Path::kDirect, false, Int8Result::kInt32)) return *path;
  constexpr std::int64_t kLargestProduct = 255 * 128, kExact = std::int64_t{1} << 24;
  if (l.products() * kLargestProduct <= kExact) return {Path::kFloat};
  if (auto path = attempt(Path::kSplit, false, Int8Result::kInt32)) return *path;
  return {Path::kLoop};
}

const Path& cached_path(const Layer& l, bool zero_point) {
  struct Entry {
    ConvKind kind;
    ConvShape shape;
    bool zero_point;
    Path path;
  };
  static std::mutex mutex;
  static std::vector<std::unique_ptr<const Entry>> cache;
  const std::lock_guard lock(mutex);
  for (const auto& e : cache)
    if (e->kind == l.kind && e->zero_point == zero_point && e->shape == l.s) return e->path;
  const SingleThread one;
  cache.push_back(std::make_unique<const Entry>(Entry{l.kind, l.s, zero_point, choose_path(l, zero_point)}));
  return cache.back()->path;
}

// ---- the whole batch ------------------------------------------------------------------------------------------------

void run_as_float(const Layer& l, const Int8Input& x, const std::int8_t* w, float* acc) {
  const std::int64_t in = l.s.n * l.in_image();
  const Buffer values = Buffer::floats(in), weights = Buffer::floats(l.s.weight_count());
  dequantize(in, {1.0F, x.zero_point}, x.q, values.floats());
  std::copy_n(w, l.s.weight_count(), weights.floats());
  if (l.plain())
    conv_forward(l.s, values.floats(), weights.floats(), nullptr, acc);
  else
    conv_backward_data(l.s, weights.floats(), values.floats(), acc);
}

Layer slice_of(const Layer& l, std::int64_t n) {
  Layer slice = l;
  slice.s.n = n;
  return slice;
}

void run(const Layer& l, const Int8Input& x, const std::int8_t* w, float* acc) {
  if (l.s.n == 0) return;
  const Chunks slices{l.s.n, (l.s.n + kSlices - 1) / kSlices};
  const Layer whole = slice_of(l, slices.chunk), rest = slice_of(l, l.s.n - slices.begin(slices.count() - 1));
  const Path& path = cached_path(whole, x.zero_point != 0);
  const Path& last = rest.s.n == whole.s.n ? path : cached_path(rest, x.zero_point != 0);
  if (path.kind == Path::kFloat || last.kind == Path::kFloat) return run_as_float(l, x, w, acc);
  if (path.kind == Path::kLoop || last.kind == Path::kLoop) return loop(l, x, w, acc);

  const Buffer packed = pack(whole, path.conv, w);
  const Buffer last_packed = last.conv.weights == path.conv.weights ? Buffer() : pack(rest, last.conv, w);
  const bool needs_ones = x.zero_point != 0 && !(path.own_zero_point && last.own_zero_point);
  const std::vector<std::int32_t> ones = needs_ones ? sums_of_ones(l, w) : std::vector<std::int32_t>();
  parallel_tasks(slices.count(), [&](std::int64_t i) {
    const SingleThread one;
    const bool is_last = i + 1 == slices.count();
    const std::int64_t begin = slices.begin(i);
    run_slice(is_last ? rest : whole, is_last ? last : path, {x.q + begin * l.in_image(), x.zero_point},
              is_last && last_packed.data() ? last_packed.data() : packed.data(), needs_ones ? ones.data() : nullptr,
              acc + begin * l.out_image());
  });
}

}  // namespace

void int8_conv(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc) {
  run({ConvKind::kPlain, s}, x, w, acc);
}

void int8_conv_transpose(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc) {
  run({ConvKind::kTransposed, s}, x, w, acc);
}

std::string int8_conv_path(const ConvShape& s, std::int32_t zero_point) {
  const Chunks slices{s.n, (s.n + kSlices - 1) / kSlices};
  const Layer slice = slice_of({ConvKind::kPlain, s}, slices.chunk);
  const Path& path = cached_path(slice, zero_point != 0);
  switch (path.kind) {
    case Path::kDirect:
      return path.conv.implementation;
    case Path::kSplit:
      return "2 x " + path.conv.implementation;
    case Path::kFloat:
      return "float32";
    default:
      return "loop";
  }
}

}  // namespace octet::kernels
