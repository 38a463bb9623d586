// SPDX-License-Identifier: Apache-2.0
// The batch is cut into slices, each computed by the first of these that can be trusted (int8_trial.h):
//
//   direct   one primitive; its own zero point, or the zero point's share taken off afterwards
//   float32  integers in a float convolution: exact, because all sums stay below 2^24
//   split    one primitive in halves
//   loop     the scalar loop
//
// Where int32 might not hold the sums, int8_wide.h takes some input channels at a time.
#include "octet/kernels/int8/int8_conv.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"
#include "octet/kernels/int8/int8_layer.h"
#include "octet/kernels/int8/int8_primitive.h"
#include "octet/kernels/int8/int8_trial.h"
#include "octet/kernels/int8/int8_wide.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kSlices = 8;  // of a batch, as in conv.cpp; the sums are exact, so the cut is free

Int8LayerShape slice_of(Int8LayerShape l, std::int64_t images) {
  l.s.n = images;
  return l;
}

bool fits_float(const Int8LayerShape& l) {
  constexpr std::int64_t kLargestProduct = 255 * 128;
  return l.products() * kLargestProduct <= kLargestFloatSum;
}

// Null: float32 if that fits, else the loop.
Int8PrimitivePtr choose_primitive(const Int8LayerShape& slice, bool has_zero_point) {
  const Int8Form direct{.result = Int8Result::kFloat32, .zero_point = has_zero_point};
  if (const Int8PrimitivePtr p = trusted_int8_primitive(slice, direct)) return p;
  if (has_zero_point)
    if (const Int8PrimitivePtr p = trusted_int8_primitive(slice, {})) return p;
  return fits_float(slice) ? nullptr : trusted_int8_primitive(slice, {.in_halves = true});
}

// acc = float(sum [- zero_point * ones])
OCTET_CLONES void to_floats(std::int64_t n, const std::int32_t* sums, std::int32_t zero_point, const std::int32_t* ones,
                            float* acc) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] = static_cast<float>(ones ? sums[i] - zero_point * ones[i] : sums[i]);
}

// `ones`: the sums of ones if there is a zero point that the primitive does not know, else null.
void run_slice(const PackedInt8Primitive& conv, const Int8Input& x, const std::int32_t* ones, float* acc) {
  if (conv.primitive().form.result == Int8Result::kFloat32) return conv.run(x.q, acc);
  const Int8LayerShape& l = conv.primitive().layer;
  const std::int64_t image = l.out_image();
  const Buffer buffer(l.s.n * image * static_cast<std::int64_t>(sizeof(std::int32_t)));
  conv.run(x.q, buffer.data());
  const auto* const sums = static_cast<const std::int32_t*>(buffer.data());
  for (std::int64_t n = 0; n < l.s.n; ++n) to_floats(image, sums + n * image, x.zero_point, ones, acc + n * image);
}

void run_without_primitive(const Int8LayerShape& l, const Int8Input& x, const std::int8_t* w, float* acc) {
  if (fits_float(l) && trusts_float_sums(l)) {
    const Buffer weights = Buffer::floats(l.s.weight_count());
    std::copy_n(w, l.s.weight_count(), weights.floats());
    return int8_float_sums(l, x.q, x.zero_point, weights.floats(), acc);
  }
  const std::int64_t outputs = l.s.n * l.out_image();
  const Buffer buffer(outputs * static_cast<std::int64_t>(sizeof(std::int32_t)));
  auto* const sums = static_cast<std::int32_t*>(buffer.data());
  int8_scalar_sums(l, x.q, x.zero_point, w, sums);
  to_floats(outputs, sums, 0, nullptr, acc);
}

void run(const Int8LayerShape& l, const Int8Input& x, const std::int8_t* w, float* acc) {
  if (l.s.n == 0) return;
  if (may_leave_int32(l)) return WideInt8Sums(l, x.zero_point, w).round(x.q, acc);
  const Chunks slices{l.s.n, (l.s.n + kSlices - 1) / kSlices};
  const std::int64_t last = slices.count() - 1;
  const Int8PrimitivePtr whole = choose_primitive(slice_of(l, slices.chunk), x.zero_point != 0);
  const Int8PrimitivePtr rest = choose_primitive(slice_of(l, l.s.n - slices.begin(last)), x.zero_point != 0);
  if (!whole || !rest) return run_without_primitive(l, x, w, acc);

  const PackedInt8Primitive conv(whole, x.zero_point, w);
  std::optional<PackedInt8Primitive> last_conv;
  if (rest != whole) last_conv.emplace(rest, x.zero_point, w);
  const bool needs_ones = x.zero_point != 0 && !(whole->form.zero_point && rest->form.zero_point);
  const std::vector<std::int32_t> ones = needs_ones ? int8_sums_of_ones(l, w) : std::vector<std::int32_t>();
  parallel_tasks(slices.count(), [&](std::int64_t i) {
    const SingleThread one;
    const std::int64_t begin = slices.begin(i);
    run_slice(i == last && last_conv ? *last_conv : conv, {x.q + begin * l.in_image(), x.zero_point},
              needs_ones ? ones.data() : nullptr, acc + begin * l.out_image());
  });
}

}  // namespace

void int8_conv(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc) {
  run({ConvKind::kPlain, s}, x, w, acc);
}

void int8_conv_transpose(const ConvShape& s, const Int8Input& x, const std::int8_t* w, float* acc) {
  run({ConvKind::kTransposed, s}, x, w, acc);
}

}  // namespace octet::kernels
