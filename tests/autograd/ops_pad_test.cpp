// SPDX-License-Identifier: Apache-2.0
// pad2d, alone and before a convolution, against the loops of support/reference_conv.h.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "support/error_text.h"
#include "support/gradient_check.h"
#include "support/reference_conv.h"

namespace octet {
namespace {

using test::check_op;
using test::error_text;
using test::random_tensor;
using test::random_weight;

struct PadCase {
  Shape x;
  Size2 padding;
  PaddingMode mode;
};

class PadCases : public testing::TestWithParam<PadCase> {};

TEST_P(PadCases, AgreesWithTheReference) {
  const PadCase& c = GetParam();
  Rng rng(17);
  EXPECT_TRUE(check_op([&](const auto& in) { return pad2d(in[0], c.padding, c.mode); },
                       [&](const auto& in) { return test::pad2d_reference(in[0], c.padding, c.mode); },
                       {random_tensor(c.x, rng)}));
}

TEST_P(PadCases, ComposesWithAConvolution) {
  const PadCase& c = GetParam();
  Rng rng(18);
  const Conv2dParams conv = {.stride = 2};
  EXPECT_TRUE(
      check_op([&](const auto& in) { return conv2d(pad2d(in[0], c.padding, c.mode), in[1], in[2], conv); },
               [&](const auto& in) {
                 return test::conv2d_reference({test::pad2d_reference(in[0], c.padding, c.mode), in[1], in[2]}, conv);
               },
               {random_tensor(c.x, rng), random_weight({4, c.x[1], 2, 3}, rng), random_tensor({4}, rng)}));
}

constexpr const char* kModeNames[] = {"zeros", "reflect", "replicate", "circular"};

std::vector<PadCase> pad_cases() {
  std::vector<PadCase> cases;
  for (const PaddingMode mode :
       {PaddingMode::kZeros, PaddingMode::kReflect, PaddingMode::kReplicate, PaddingMode::kCircular}) {
    cases.push_back({{2, 3, 5, 5}, 1, mode});
    cases.push_back({{1, 17, 4, 7}, {3, 2}, mode});
    cases.push_back({{3, 1, 6, 3}, {0, 2}, mode});
    cases.push_back({{2, 2, 3, 4}, 0, mode});
  }
  cases.push_back({{1, 2, 3, 5}, {3, 5}, PaddingMode::kCircular});  // as far as circular goes
  cases.push_back({{1, 2, 1, 2}, {4, 3}, PaddingMode::kReplicate});
  cases.push_back({{1, 2, 1, 2}, {4, 3}, PaddingMode::kZeros});
  return cases;
}

std::string pad_name(const testing::TestParamInfo<PadCase>& info) {
  const PadCase& c = info.param;
  return text(kModeNames[static_cast<int>(c.mode)], '_', c.x[0], 'x', c.x[1], 'x', c.x[2], 'x', c.x[3], "_p",
              c.padding);
}

INSTANTIATE_TEST_SUITE_P(Table, PadCases, testing::ValuesIn(pad_cases()), pad_name);

TEST(Pad2d, RejectsMoreThanTheImageCanShow) {
  const Tensor x = Tensor::zeros({1, 1, 4, 6});
  EXPECT_EQ(error_text([&] {
              pad2d(x, {4, 0}, PaddingMode::kReflect);
            }),
            "pad2d: reflect padding must be smaller than the image (padding 4x0, x [1, 1, 4, 6])");
  EXPECT_EQ(error_text([&] {
              pad2d(x, {0, 7}, PaddingMode::kCircular);
            }),
            "pad2d: circular padding must not exceed the image (padding 0x7, x [1, 1, 4, 6])");
  EXPECT_EQ(error_text([&] {
              pad2d(x, {-1, 0}, PaddingMode::kZeros);
            }),
            "pad2d: padding must be at least 0 (padding -1x0)");
  EXPECT_EQ(error_text([&] {
              pad2d(x, {16777217, 0}, PaddingMode::kZeros);
            }),
            "pad2d: padding must be at most 16777216 (padding 16777217x0)");
  EXPECT_EQ(error_text([&] {
              pad2d(Tensor::zeros({3, 3}), 1, PaddingMode::kZeros);
            }),
            "pad2d: x must be an activation [N, C, H, W] (x [3, 3])");
}

}  // namespace
}  // namespace octet
