// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_inference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>

#include "octet/base/rng.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/onednn.h"
#include "support/reference_int8.h"

namespace octet::kernels {
namespace {

struct Case {
  std::int64_t n, ci, h, w, co, k, stride, padding, groups;
  std::int32_t zero_point;
};

ConvShape shape_of(const Case& c) {
  ConvShape s;
  s.n = c.n;
  s.ci = c.ci;
  s.h = c.h;
  s.w = c.w;
  s.co = c.co;
  s.kh = s.kw = c.k;
  s.stride = c.stride;
  s.padding = c.padding;
  s.groups = c.groups;
  s.oh = (c.h + 2 * c.padding - c.k) / c.stride + 1;
  s.ow = (c.w + 2 * c.padding - c.k) / c.stride + 1;
  return s;
}

// Cut by images, rows and channels; zero points inside and outside the primitive; groups.
constexpr Case kCases[] = {{5, 3, 9, 7, 16, 3, 1, 1, 1, 114},   {2, 16, 32, 32, 16, 3, 1, 1, 1, 0},
                           {1, 16, 33, 31, 24, 3, 2, 1, 1, 9},  {1, 64, 7, 7, 192, 3, 1, 1, 1, 0},
                           {1, 64, 8, 8, 1000, 1, 1, 0, 1, 31}, {3, 8, 6, 6, 8, 3, 1, 1, 8, 200},
                           {1, 12, 6, 6, 10, 5, 1, 2, 2, 128},  {1, 3, 64, 64, 64, 7, 2, 3, 1, 117}};

std::vector<std::uint8_t> random_inputs(Rng& rng, std::int64_t count) {
  std::vector<std::uint8_t> q(static_cast<std::size_t>(count));
  for (std::uint8_t& v : q) v = static_cast<std::uint8_t>(rng.below(256));
  return q;
}
std::vector<std::int8_t> random_weights(Rng& rng, std::int64_t count) {
  std::vector<std::int8_t> w(static_cast<std::size_t>(count));
  for (std::int8_t& v : w) v = static_cast<std::int8_t>(static_cast<int>(rng.below(256)) - 128);
  return w;
}

Int8Epilogue sums_as_floats(std::int64_t channels) {
  Int8Epilogue e;
  e.bias.assign(static_cast<std::size_t>(channels), 0.0F);
  e.scale.assign(e.bias.size(), 1.0F);
  e.keeps_float = true;
  return e;
}

TEST(Int8Layer, SumsLikeALoopForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const Case& c : kCases)
    for (const bool transposed : {false, true}) {
      const ConvShape s = shape_of(c);
      Rng rng(42);
      const std::int64_t inputs = transposed ? s.n * s.co * s.oh * s.ow : s.n * s.ci * s.h * s.w;
      const std::int64_t outputs = transposed ? s.n * s.ci * s.h * s.w : s.n * s.co * s.oh * s.ow;
      const std::vector<std::uint8_t> q = random_inputs(rng, inputs);
      const std::vector<std::int8_t> w = random_weights(rng, s.weight_count());
      const std::vector<std::int64_t> expected = transposed ? test::reference_int8_conv_transpose(s, q, c.zero_point, w)
                                                            : test::reference_int8_conv(s, q, c.zero_point, w);
      for (const int threads : {1, 2, 3}) {
        set_num_threads(threads);
        const Int8Layer layer({s, transposed, c.zero_point}, w, sums_as_floats(transposed ? s.ci : s.co));
        std::vector<std::int64_t> acc(static_cast<std::size_t>(outputs));
        std::vector<float> y(acc.size());
        layer.add_sums(q.data(), acc.data());
        layer.run(q.data(), {nullptr, y.data(), nullptr});
        EXPECT_TRUE(std::equal(acc.begin(), acc.end(), expected.begin())) << layer.implementation() << ' ' << s.co;
        for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], static_cast<float>(acc[i])) << i;
      }
    }
  set_num_threads(before);
}

// Windows of every width, on one edge or both, with strides that leave rows and columns unseen.
TEST(Int8Layer, SumsLikeALoopForAnyWindow) {
  Rng rng(7);
  const auto from = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(high - low + 1)));
  };
  for (int trial = 0; trial < 400; ++trial) {
    ConvShape s;
    s.n = from(1, 3);
    s.ci = from(0, 2) == 0 ? from(1, 7) : 4 * from(1, 5);
    s.co = from(0, 2) == 0 ? from(1, 40) : 16 * from(1, 4);
    const bool usual = from(0, 1) == 0;
    s.kh = usual ? 3 : from(1, 5);
    s.kw = usual ? 3 : from(1, 5);
    s.stride = usual ? Size2{1, 1} : Size2{from(1, 3), from(1, 3)};
    s.dilation = {from(1, 2), from(0, 3) == 0 ? 2 : 1};
    s.padding = usual ? Size2{1, 1} : Size2{from(0, (s.kh - 1) * s.dilation.h), from(0, (s.kw - 1) * s.dilation.w)};
    const auto least = [](std::int64_t kernel, std::int64_t dilation, std::int64_t padding) {
      return std::max<std::int64_t>(1, (kernel - 1) * dilation + 1 - 2 * padding);
    };
    s.h = least(s.kh, s.dilation.h, s.padding.h) + from(0, 9);
    s.w = least(s.kw, s.dilation.w, s.padding.w) + from(0, 20);
    s.oh = (s.h + 2 * s.padding.h - (s.kh - 1) * s.dilation.h - 1) / s.stride.h + 1;
    s.ow = (s.w + 2 * s.padding.w - (s.kw - 1) * s.dilation.w - 1) / s.stride.w + 1;
    const auto zero_point = static_cast<std::int32_t>(from(0, 1) * from(1, 255));
    const std::vector<std::uint8_t> q = random_inputs(rng, s.n * s.ci * s.h * s.w);
    const std::vector<std::int8_t> w = random_weights(rng, s.weight_count());
    const std::vector<std::int64_t> expected = test::reference_int8_conv(s, q, zero_point, w);
    Int8Epilogue e = sums_as_floats(s.co);
    for (float& bias : e.bias) bias = static_cast<float>(from(-1000, 1000));
    const Int8Layer layer({s, false, zero_point}, w, e);
    std::vector<float> y(expected.size());
    layer.run(q.data(), {nullptr, y.data(), nullptr});
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_EQ(y[i], static_cast<float>(expected[i]) + e.bias[i % e.bias.size()])
          << "trial " << trial << ", value " << i << ", " << layer.implementation();
    if (onednn_uses_vnni() && (s.dilation.w == 1 || s.kw == 1)) {
      ASSERT_EQ(layer.implementation(), "direct:avx512_vnni") << "trial " << trial;  // else it failed its own trial
    }
  }
}

// Padding as large as what the kernel spans, and larger: some units see nothing else.
std::vector<ConvShape> shapes_padded_beyond_the_kernel() {
  std::vector<ConvShape> shapes;
  for (const Size2 kernel : {Size2{1, 1}, Size2{1, 3}, Size2{3, 1}, Size2{2, 2}})
    for (const std::int64_t dilation : {1, 2})
      for (const std::int64_t beyond : {0, 2})
        for (const std::int64_t stride : {1, 2})
          for (const std::int64_t groups : {1, 2})
            for (const Size2 size : {Size2{1, 8}, Size2{5, 3}}) {
              ConvShape s{.n = 1, .ci = 16, .h = size.h, .w = size.w, .co = 16, .kh = kernel.h, .kw = kernel.w};
              const Size2 span{dilation * (s.kh - 1) + 1, dilation * (s.kw - 1) + 1};
              s.stride = stride;
              s.dilation = dilation;
              s.groups = groups;
              s.padding = {span.h + beyond, beyond};
              s.oh = (s.h + 2 * s.padding.h - span.h) / stride + 1;
              s.ow = (s.w + 2 * s.padding.w - span.w) / stride + 1;
              if (s.w + 2 * s.padding.w >= span.w) shapes.push_back(s);
            }
  return shapes;
}

TEST(Int8Layer, SumsLikeALoopWhereUnitsSeePaddingOnlyForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const ConvShape& s : shapes_padded_beyond_the_kernel())
    for (const std::int32_t zero_point : {0, 114}) {
      Rng rng(5);
      const std::vector<std::uint8_t> q = random_inputs(rng, s.n * s.ci * s.h * s.w);
      const std::vector<std::int8_t> w = random_weights(rng, s.weight_count());
      const std::vector<std::int64_t> expected = test::reference_int8_conv(s, q, zero_point, w);
      for (const int threads : {1, 2, 3, 4, 8, 16}) {
        set_num_threads(threads);
        const Int8Layer layer({s, false, zero_point}, w, sums_as_floats(s.co));
        std::vector<std::int64_t> acc(expected.size());
        layer.add_sums(q.data(), acc.data());
        ASSERT_TRUE(std::equal(acc.begin(), acc.end(), expected.begin()))
            << s.kh << 'x' << s.kw << " on " << s.h << 'x' << s.w << ", padding " << s.padding << ", stride "
            << s.stride << ", dilation " << s.dilation << ", groups " << s.groups << ", " << threads << " threads";
      }
    }
  set_num_threads(before);
}

TEST(Int8Layer, TransposedSumsLikeALoopWithPaddingBeyondTheKernel) {
  for (const ConvShape& s : shapes_padded_beyond_the_kernel()) {
    Rng rng(6);
    const std::vector<std::uint8_t> q = random_inputs(rng, s.n * s.co * s.oh * s.ow);
    const std::vector<std::int8_t> w = random_weights(rng, s.weight_count());
    const std::vector<std::int64_t> expected = test::reference_int8_conv_transpose(s, q, 114, w);
    std::vector<std::int64_t> acc(expected.size());
    Int8Layer({s, true, 114}, w, sums_as_floats(s.ci)).add_sums(q.data(), acc.data());
    ASSERT_TRUE(std::equal(acc.begin(), acc.end(), expected.begin()))
        << s.kh << 'x' << s.kw << ", padding " << s.padding << ", stride " << s.stride << ", groups " << s.groups;
  }
}

TEST(Int8Layer, SharesPackedWeightsWithLayersOfOtherSizes) {
  Rng rng(8);
  ConvShape s{.n = 1, .ci = 256, .h = 4, .w = 4, .co = 512, .kh = 3, .kw = 3, .oh = 4, .ow = 4, .padding = 1};
  const auto w = std::make_shared<const std::vector<std::int8_t>>(random_weights(rng, s.weight_count()));
  const auto shared = std::make_shared<const Int8Shared>(114, w, sums_as_floats(s.co));
  const int before = num_threads();
  std::vector<Int8Layer> layers;
  for (const int threads : {1, 2, 16})
    for (s.n = 1; s.n <= 5; ++s.n) {
      set_num_threads(threads);
      layers.emplace_back(s, false, shared);
      EXPECT_LT(layers.back().own_bytes(), 1 << 18);  // the weights have more than a million
      const std::vector<std::uint8_t> q = random_inputs(rng, s.n * s.ci * s.h * s.w);
      std::vector<std::int64_t> acc(static_cast<std::size_t>(s.n * s.co * s.oh * s.ow)), alone(acc.size());
      layers.back().add_sums(q.data(), acc.data());
      Int8Layer({s, false, 114}, *w, sums_as_floats(s.co)).add_sums(q.data(), alone.data());
      ASSERT_EQ(acc, alone) << s.n << " images, " << threads << " threads, " << layers.back().implementation();
    }
  set_num_threads(before);
}

// The most resident memory of this process so far, in bytes.
std::int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

TEST(Int8Layer, IsTriedOnAPieceOfALargeImage) {
  ConvShape s{.n = 1, .ci = 1, .h = 8192, .w = 8192, .co = 1, .kh = 3, .kw = 3, .oh = 8192, .ow = 8192, .padding = 1};
  const std::vector<std::int8_t> w(9, 1);
  const std::int64_t before = peak_memory();
  const Int8Layer layer({s, false, 3}, w, sums_as_floats(1));
  s.h = s.oh = 1;
  s.w = s.ow = std::int64_t{1} << 26;
  if (onednn_uses_vnni()) const Int8Layer row({s, false, 3}, w, sums_as_floats(1));
  EXPECT_LT(peak_memory() - before, std::int64_t{200} << 20);  // the image alone has 64 MB, its sums 256
}

// All activations are `q` and all weights -128, so that sums go as far as they can.
void expect_exact(const ConvShape& s, bool transposed, std::int32_t zero_point, std::uint8_t q,
                  const std::vector<std::int64_t>& expected) {
  const std::int64_t inputs = transposed ? s.n * s.co * s.oh * s.ow : s.n * s.ci * s.h * s.w;
  const std::vector<std::uint8_t> x(static_cast<std::size_t>(inputs), q);
  const std::vector<std::int8_t> w(static_cast<std::size_t>(s.weight_count()), -128);
  const Int8Layer layer({s, transposed, zero_point}, w, sums_as_floats(transposed ? s.ci : s.co));
  std::vector<std::int64_t> acc(expected.size());
  std::vector<float> y(expected.size()), trained(expected.size());
  layer.add_sums(x.data(), acc.data());
  layer.run(x.data(), {nullptr, y.data(), nullptr});
  transposed ? int8_conv_transpose(s, {x.data(), zero_point}, w.data(), trained.data())
             : int8_conv(s, {x.data(), zero_point}, w.data(), trained.data());
  EXPECT_EQ(acc, expected) << layer.implementation();
  for (std::size_t i = 0; i < y.size(); ++i) {
    ASSERT_EQ(y[i], static_cast<float>(expected[i])) << i << ", " << layer.implementation();
    ASSERT_EQ(trained[i], y[i]) << i;
  }
}

TEST(Int8Layer, IsExactWhereInt32DoesNotHoldTheSums) {
  const int before = num_threads();
  const Case cases[] = {
      {3, 70000, 1, 1, 5, 1, 1, 0, 1, 0}, {2, 7400, 3, 2, 3, 3, 1, 1, 1, 7}, {1, 132000, 1, 2, 4, 1, 1, 0, 2, 255}};
  for (const Case& c : cases)
    for (const bool transposed : {false, true}) {
      ConvShape s = shape_of(c);
      if (transposed) std::swap(s.ci, s.co);
      const std::uint8_t q = c.zero_point < 128 ? 255 : 0;
      const std::int64_t inputs = transposed ? s.n * s.co * s.oh * s.ow : s.n * s.ci * s.h * s.w;
      const std::vector<std::uint8_t> x(static_cast<std::size_t>(inputs), q);
      const std::vector<std::int8_t> w(static_cast<std::size_t>(s.weight_count()), -128);
      for (const int threads : {1, 3}) {
        set_num_threads(threads);
        expect_exact(s, transposed, c.zero_point, q,
                     transposed ? test::reference_int8_conv_transpose(s, x, c.zero_point, w)
                                : test::reference_int8_conv(s, x, c.zero_point, w));
      }
    }
  set_num_threads(before);
}

// A loop sums them one by one. Two outputs, each of which sees a whole window of inputs.
TEST(Int8Layer, IsExactWhereInt32DoesNotHoldTheWindowOfOneChannel) {
  const std::vector<std::int64_t> expected(2, std::int64_t{260 * 260} * (255 - 3) * -128);
  expect_exact(shape_of({1, 1, 260, 261, 1, 260, 1, 0, 1, 3}), false, 3, 255, expected);
  expect_exact(shape_of({1, 1, 1, 2, 1, 260, 1, 259, 1, 3}), true, 3, 255, expected);
}

}  // namespace
}  // namespace octet::kernels
