// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/onednn/onednn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/base/error.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/info.h"
#include "support/error_text.h"

namespace octet::kernels {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

ConvShape square(std::int64_t n, std::int64_t ci, std::int64_t size, std::int64_t co, std::int64_t k,
                 std::int64_t stride) {
  const std::int64_t padding = k / 2, out = (size + 2 * padding - k) / stride + 1;
  return {.n = n,
          .ci = ci,
          .h = size,
          .w = size,
          .co = co,
          .kh = k,
          .kw = k,
          .oh = out,
          .ow = out,
          .stride = stride,
          .padding = padding};
}

// Every convolution of ResNet-20 on 32x32 and of ResNet-18 and 50 on 224x224, as slices of a batch.
std::vector<ConvShape> resnet_shapes() {
  return {square(16, 3, 32, 16, 3, 1),   square(16, 1, 32, 16, 3, 1),    square(16, 16, 32, 16, 3, 1),
          square(16, 16, 32, 32, 3, 2),  square(16, 16, 32, 32, 1, 2),   square(16, 32, 16, 32, 3, 1),
          square(16, 32, 16, 64, 3, 2),  square(16, 64, 8, 64, 3, 1),    square(2, 3, 224, 64, 7, 2),
          square(2, 64, 56, 64, 3, 1),   square(2, 64, 56, 128, 3, 2),   square(2, 64, 56, 128, 1, 2),
          square(2, 128, 28, 128, 3, 1), square(2, 128, 28, 256, 3, 2),  square(2, 256, 14, 256, 3, 1),
          square(2, 256, 14, 512, 3, 2), square(2, 512, 7, 512, 3, 1),   square(2, 64, 56, 256, 1, 1),
          square(2, 256, 56, 64, 1, 1),  square(2, 1024, 14, 2048, 1, 2)};
}

// oneDNN falls back to loops up to 3000 times slower, or asks for another order in memory, without a word.
TEST(OneDnn, HasFastChannelsLastKernelsForResNets) {
  const SingleThread one;
  for (const ConvShape& s : resnet_shapes())
    for (const ConvDirection direction :
         {ConvDirection::kForward, ConvDirection::kBackwardData, ConvDirection::kBackwardWeights}) {
      if (direction == ConvDirection::kBackwardData && s.ci <= 3) continue;  // nobody asks for an image's gradient
      const ConvPrimitive conv = make_conv(direction, s, false);
      const std::string where = text(s.ci, " to ", s.co, " on ", s.h, ", kernel ", s.kh, ", stride ", s.stride,
                                     ", direction ", static_cast<int>(direction));
      EXPECT_THAT(conv.implementation, Not(HasSubstr("ref"))) << where;
      EXPECT_TRUE(conv.src_is_nhwc) << where;
      EXPECT_TRUE(conv.dst_is_nhwc) << where;
    }
}

// Its weight gradient writes behind the scratchpad there, which no result shows.
TEST(OneDnn, AvoidsAKernelThatWritesOutOfBounds) {
  const SingleThread one;
  const auto kernel = [](std::int64_t channels) {
    return make_conv(ConvDirection::kBackwardWeights, square(1, channels, 10, 8, 1, 2), false).implementation;
  };
  EXPECT_THAT(kernel(3), Not(StartsWith("jit_1x1")));
  EXPECT_THAT(kernel(16), StartsWith("jit_1x1")) << "which is sound, and fast";
}

// The same with reads behind the weights, in int8.
TEST(OneDnn, AvoidsKernelsThatReadOutOfBounds) {
  const ConvShape whole = square(1, 16, 8, 32, 3, 2), gaps = square(1, 16, 8, 32, 1, 2);
  const auto kernel = [](const ConvShape& s, bool zero_point) {
    const auto made = make_int8_conv(ConvKind::kTransposed, s, zero_point, Int8Result::kInt32);
    return made ? made->implementation : "none";
  };
  const SingleThread one;
  EXPECT_NE(kernel(whole, false), "none");
  EXPECT_THAT(kernel(whole, true), testing::AnyOf("none", StartsWith("brg")));
  EXPECT_THAT(kernel(gaps, false), testing::AnyOf("none", StartsWith("brg")));
}

TEST(OneDnn, DescribesWeightsRowMajor) {
  ConvShape s = square(1, 4, 5, 6, 3, 1);
  const auto row_major = [](const dnnl::memory::dims& sizes, dnnl::memory::format_tag tag) {
    return dnnl::memory::desc(sizes, dnnl::memory::data_type::f32, tag);
  };
  EXPECT_TRUE(weight_desc(s) == row_major({6, 4, 3, 3}, dnnl::memory::format_tag::abcd));
  s.groups = 2;
  EXPECT_TRUE(weight_desc(s) == row_major({2, 3, 2, 3, 3}, dnnl::memory::format_tag::abcde));
  EXPECT_EQ(weight_desc(s).get_size(), static_cast<std::size_t>(s.weight_count()) * sizeof(float));
}

TEST(OneDnn, SaysWhatItCannotCompute) {
  ConvShape s = square(1, 4, 5, 6, 3, 1);
  s.oh = 1;  // four rows would be left over, more than a stride
  EXPECT_THAT(test::error_text([&] { make_conv(ConvDirection::kForward, s, false); }),
              StartsWith("convolution: oneDNN cannot compute x [1, 4, 5, 5] with kernel 3x3, 6 output channels, groups "
                         "1: could not create"));
}

TEST(OneDnn, TellsItsVersionAndInstructionSet) {
  EXPECT_THAT(onednn_version(), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_FALSE(onednn_isa().empty());
}

TEST(OneDnn, NamesInstructionSetsByArchitectureAndNumber) {
  EXPECT_EQ(isa_name("x86-64", 0x1), "SSE41");
  EXPECT_EQ(isa_name("x86-64", 0x7), "AVX2");
  EXPECT_EQ(isa_name("x86-64", 0x27), "AVX512_CORE");
  EXPECT_EQ(isa_name("x86-64", static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx)), "AVX512_CORE_AMX");
  EXPECT_EQ(isa_name("x86-64", 0x7FFFF), "x86-64 isa 0x7ffff");
  EXPECT_EQ(isa_name("aarch64", 0x1), "aarch64 isa 0x1");
  EXPECT_EQ(isa_name("aarch64", 0x1F), "aarch64 isa 0x1f");
}

TEST(SingleThread, HoldsUntilItsEnd) {
  const int before = num_threads();
  set_num_threads(3);
  {
    const SingleThread one;
    EXPECT_EQ(num_threads(), 1);
  }
  EXPECT_EQ(num_threads(), 3);
  set_num_threads(before);
}

}  // namespace
}  // namespace octet::kernels
