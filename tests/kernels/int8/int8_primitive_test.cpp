// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_primitive.h"

#include <gtest/gtest.h>

#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/info.h"
#include "support/reference_int8.h"

namespace octet::kernels {
namespace {

constexpr ConvShape kShape{
    .n = 2, .ci = 32, .h = 9, .w = 9, .co = 64, .kh = 3, .kw = 3, .oh = 5, .ow = 5, .stride = 2, .padding = 1};

// Runs it eight times at once; with a primitive of no zero point, on data of zero point 0.
template <typename Sum>
void expect_exact(const Int8PrimitivePtr& primitive) {
  const Int8Primitive& p = *primitive;
  const test::Int8Example example(p.layer.s, p.form.zero_point ? 99 : 0);
  const std::vector<std::int64_t> expected =
      p.layer.plain() ? test::reference_int8_conv(p.layer.s, example.x, example.zero_point, example.w)
                      : test::reference_int8_conv_transpose(p.layer.s, example.y, example.zero_point, example.w);
  const PackedInt8Primitive packed(primitive, example.zero_point, example.w.data());
  std::vector<std::vector<Sum>> sums(8, std::vector<Sum>(expected.size(), Sum{1} / 2));
  parallel_tasks(std::ssize(sums), [&](std::int64_t i) {
    const SingleThread one;
    packed.run(p.layer.plain() ? example.x.data() : example.y.data(), sums[static_cast<std::size_t>(i)].data());
  });
  for (const std::vector<Sum>& run : sums)
    for (std::size_t i = 0; i < run.size(); ++i)
      ASSERT_EQ(run[i], static_cast<Sum>(expected[i])) << p.name() << ", value " << i;
}

TEST(Int8Primitive, GivesTheSumsOfTheScalarLoopInEveryFormThatIsTrusted) {
  for (const ConvKind kind : {ConvKind::kPlain, ConvKind::kTransposed})
    for (const Int8Result result : {Int8Result::kInt32, Int8Result::kFloat32})
      for (const bool zero_point : {false, true}) {
        const Int8PrimitivePtr p = trusted_int8_primitive({kind, kShape}, {result, zero_point});
        if (!p) continue;
        result == Int8Result::kFloat32 ? expect_exact<float>(p) : expect_exact<std::int32_t>(p);
      }
}

TEST(Int8Primitive, InHalvesIsTrustedOnEveryMachine) {
  const Int8PrimitivePtr p = trusted_int8_primitive({ConvKind::kPlain, kShape}, {.in_halves = true});
  ASSERT_NE(p, nullptr) << onednn_isa();
  EXPECT_EQ(p->name(), "2 x " + p->conv.implementation);
  expect_exact<std::int32_t>(p);
  EXPECT_EQ(trusted_int8_primitive({ConvKind::kPlain, kShape}, {.in_halves = true}), p);
}

}  // namespace
}  // namespace octet::kernels
