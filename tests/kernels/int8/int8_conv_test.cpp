// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "octet/base/rng.h"
#include "support/conv_cases.h"
#include "support/reference_int8.h"

namespace octet::kernels {
namespace {

using test::Int8Example;

ConvShape shape_of(const test::ConvCase& c) {
  const auto out = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
    return (in + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
  };
  return {.n = c.n,
          .ci = c.in_channels,
          .h = c.size.h,
          .w = c.size.w,
          .co = c.out_channels,
          .kh = c.kernel.h,
          .kw = c.kernel.w,
          .oh = out(c.size.h, c.kernel.h, c.stride.h, c.padding.h, c.dilation.h),
          .ow = out(c.size.w, c.kernel.w, c.stride.w, c.padding.w, c.dilation.w),
          .stride = c.stride,
          .padding = c.padding,
          .dilation = c.dilation,
          .groups = c.groups};
}

ConvShape transposed_shape_of(const test::ConvCase& c) {
  const auto out = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t pad, std::int64_t dilation,
                      std::int64_t extra) { return (in - 1) * stride - 2 * pad + dilation * (k - 1) + extra + 1; };
  ConvShape s = shape_of(c);
  s.ci = c.out_channels;
  s.co = c.in_channels;
  s.oh = c.size.h;
  s.ow = c.size.w;
  s.h = out(c.size.h, c.kernel.h, c.stride.h, c.padding.h, c.dilation.h, c.output_padding.h);
  s.w = out(c.size.w, c.kernel.w, c.stride.w, c.padding.w, c.dilation.w, c.output_padding.w);
  return s;
}

// Zero border of a transposed convolution whose output padding no input row reaches: the op adds it, the kernel need
// not know it.
bool reaches_all_rows(const test::ConvCase& c) {
  return c.output_padding.h < c.stride.h + c.padding.h && c.output_padding.w < c.stride.w + c.padding.w;
}

TEST(Int8Conv, GivesTheSumsOfTheScalarLoop) {
  for (const test::ConvCase& c : test::conv2d_cases())
    for (const std::int32_t zero_point : {0, 128, 255}) {
      SCOPED_TRACE(testing::Message() << testing::PrintToString(c) << ", zero point " << zero_point);
      Int8Example(shape_of(c), zero_point).expect_exact_conv();
    }
}

TEST(Int8Conv, GivesTheSumsOfTheScalarLoopWhenTransposed) {
  for (const test::ConvCase& c : test::conv_transpose2d_cases())
    for (const std::int32_t zero_point : {0, 77}) {
      if (!reaches_all_rows(c)) continue;
      SCOPED_TRACE(testing::Message() << testing::PrintToString(c) << ", zero point " << zero_point);
      Int8Example(transposed_shape_of(c), zero_point).expect_exact_conv_transpose();
    }
}

TEST(Int8Conv, GivesTheSumsOfTheScalarLoopWithPaddingBeyondTheKernel) {
  for (const Size2 kernel : {Size2{1, 1}, Size2{1, 3}, Size2{3, 2}})
    for (const std::int64_t dilation : {1, 2})
      for (const std::int64_t groups : {1, 2})
        for (const std::int32_t zero_point : {0, 128}) {
          const test::ConvCase c{.n = 3,
                                 .in_channels = 8,
                                 .out_channels = 8,
                                 .size = {1, 6},
                                 .kernel = kernel,
                                 .padding = {dilation * (kernel.h - 1) + 2, 1},
                                 .dilation = dilation,
                                 .groups = groups};
          SCOPED_TRACE(testing::Message() << testing::PrintToString(c) << ", zero point " << zero_point);
          Int8Example(shape_of(c), zero_point).expect_exact_conv();
        }
}

TEST(Int8Conv, IsExactWhereSumsLeaveTheRangeOfFloats) {
  const ConvShape wide{.n = 2, .ci = 512, .h = 4, .w = 4, .co = 16, .kh = 3, .kw = 3, .oh = 4, .ow = 4, .padding = 1};
  for (const std::int32_t zero_point : {0, 255}) {
    Int8Example example(wide, zero_point);
    example.fill(255 - zero_point, -128);
    example.expect_exact_conv();
    example.fill(255 - zero_point, 127);
    example.expect_exact_conv();
  }
}

// A convolution or transposed convolution with any options, small enough for the scalar loop.
ConvShape random_shape(Rng& rng, bool transposed) {
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(high - low + 1)));
  };
  const std::int64_t groups = pick(0, 3) == 0 ? pick(2, 4) : 1;
  const std::int64_t channels[] = {1, 3, 8, 16, 17, 32, 64};
  test::ConvCase c{.n = pick(1, 9),
                   .in_channels = channels[pick(0, 6)] * groups,
                   .out_channels = channels[pick(0, 6)] * groups,
                   .size = {pick(3, 9), pick(3, 9)},
                   .kernel = {pick(1, 3), pick(1, 3)},
                   .stride = {pick(1, 3), pick(1, 3)},
                   .padding = {pick(0, 2), pick(0, 2)},
                   .groups = groups};
  if (pick(0, 3) == 0) c.dilation = {pick(1, 2), pick(1, 2)};
  if (!transposed) return shape_of(c);
  c.padding = {std::min(c.padding.h, c.kernel.h - 1), std::min(c.padding.w, c.kernel.w - 1)};
  c.output_padding = {pick(0, c.stride.h - 1), pick(0, c.stride.w - 1)};
  return transposed_shape_of(c);
}

TEST(Int8Conv, GivesTheSumsOfTheScalarLoopForAThousandRandomLayers) {
  Rng rng(3);
  int layers = 0;
  while (layers < 1000) {
    const bool transposed = rng.below(3) == 0;
    const ConvShape s = random_shape(rng, transposed);
    if (s.oh < 1 || s.ow < 1 || s.h < 1 || s.w < 1) continue;
    ++layers;
    const std::int32_t zero_points[] = {0, 128, static_cast<std::int32_t>(rng.below(256)), 255};
    Int8Example example(s, zero_points[rng.below(4)], rng.next());
    if (rng.below(8) == 0) example.fill(255 - example.zero_point, rng.below(2) == 0 ? 127 : -128);
    SCOPED_TRACE(testing::Message() << "layer " << layers << (transposed ? ", transposed" : "") << ": n " << s.n
                                    << ", ci " << s.ci << ", " << s.h << 'x' << s.w << ", co " << s.co << ", kernel "
                                    << s.kh << 'x' << s.kw << ", groups " << s.groups << ", zero point "
                                    << example.zero_point);
    transposed ? example.expect_exact_conv_transpose() : example.expect_exact_conv();
  }
}

TEST(Int8Conv, OfNoImagesComputesNothing) {
  const ConvShape none{.n = 0, .ci = 16, .h = 8, .w = 8, .co = 16, .kh = 3, .kw = 3, .oh = 8, .ow = 8, .padding = 1};
  const std::vector<std::int8_t> w(static_cast<std::size_t>(none.weight_count()));
  int8_conv(none, {nullptr, 0}, w.data(), nullptr);
}

}  // namespace
}  // namespace octet::kernels
