// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using testing::ElementsAre;
using testing::ElementsAreArray;

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

// ---- layouts -------------------------------------------------------------------------------------------------------

TEST(Tensor, LaysActivationsChannelsLast) {
  const Tensor x = Tensor::from_nchw({1, 2, 1, 3}, std::vector<float>{0, 1, 2, 10, 11, 12});
  EXPECT_EQ(x.layout(), Layout::kChannelsLast);
  EXPECT_THAT(x.values(), ElementsAre(0, 10, 1, 11, 2, 12));
  EXPECT_THAT(x.to_nchw(), ElementsAre(0, 1, 2, 10, 11, 12));
  EXPECT_THAT(x.to_vector(), ElementsAre(0, 1, 2, 10, 11, 12));
}

TEST(Tensor, TakesValuesInMemoryOrder) {
  const Tensor x = Tensor::from_nhwc({1, 2, 1, 3}, std::vector<float>{0, 10, 1, 11, 2, 12});
  EXPECT_THAT(x.values(), ElementsAre(0, 10, 1, 11, 2, 12));
  EXPECT_THAT(x.to_nchw(), ElementsAre(0, 1, 2, 10, 11, 12));
}

TEST(Tensor, KeepsLogicalOrderForEverySize) {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 4, 5}, Shape{3, 17, 1, 1}, Shape{1, 1, 7, 9},
                             Shape{2, 64, 3, 3}, Shape{0, 3, 2, 2}, Shape{2, 130, 5, 1}}) {
    const std::vector<float> values = counting(static_cast<std::size_t>(element_count(shape)));
    EXPECT_THAT(Tensor::from_nchw(shape, values).to_nchw(), ElementsAreArray(values)) << text(shape);
  }
}

TEST(Tensor, LaysWeightsRowMajor) {
  const Tensor w = Tensor::from_values({2, 2, 1, 2}, counting(8));
  EXPECT_EQ(w.layout(), Layout::kRowMajor);
  EXPECT_THAT(w.values(), ElementsAreArray(counting(8)));
  EXPECT_THAT(w.to_vector(), ElementsAreArray(counting(8)));
  EXPECT_THAT(w.to_nchw(), ElementsAreArray(counting(8)));
  EXPECT_EQ(Tensor::zeros({2, 2, 1, 2}).layout(), Layout::kChannelsLast);
  EXPECT_EQ(Tensor::zeros({2, 2, 1, 2}, Layout::kRowMajor).layout(), Layout::kRowMajor);
  EXPECT_EQ(Tensor::zeros({2, 2}).layout(), Layout::kRowMajor);
}

TEST(Tensor, HasScalarsAndEmptyTensors) {
  const Tensor s = Tensor::scalar(2.5F);
  EXPECT_EQ(s.rank(), 0U);
  EXPECT_EQ(s.size(), 1);
  EXPECT_EQ(s.item(), 2.5F);
  const Tensor none = Tensor::zeros({0, 3});
  EXPECT_EQ(none.size(), 0);
  EXPECT_TRUE(none.values().empty());
  EXPECT_TRUE(none.to_vector().empty());
  EXPECT_EQ(Tensor::full({1, 1}, 3.0F).item(), 3.0F);
}

// ---- handles -------------------------------------------------------------------------------------------------------

TEST(Tensor, CopiesAliasAndClonesDoNot) {
  Tensor x = Tensor::from_values({2}, std::vector<float>{1, 2});
  const Tensor alias = x, copy = x.clone(), detached = x.detach();
  x.mutable_values()[0] = 7;
  EXPECT_THAT(alias.values(), ElementsAre(7, 2));
  EXPECT_THAT(detached.values(), ElementsAre(7, 2));
  EXPECT_THAT(copy.values(), ElementsAre(1, 2));
  EXPECT_TRUE(x.same_as(alias));
  EXPECT_FALSE(x.same_as(detached));
}

TEST(Tensor, ClonesAndDetachedHandlesHaveNoHistory) {
  Tensor w = Tensor::scalar(3).set_requires_grad();
  const Tensor y = sigmoid(w);
  EXPECT_TRUE(y.requires_grad());
  EXPECT_FALSE(y.detach().requires_grad());
  EXPECT_FALSE(y.clone().requires_grad());
  EXPECT_FALSE(w.clone().requires_grad());
}

TEST(Tensor, CloneKeepsTheLayout) {
  const Tensor w = Tensor::from_values({2, 2, 1, 2}, counting(8)).clone();
  EXPECT_EQ(w.layout(), Layout::kRowMajor);
  EXPECT_THAT(w.values(), ElementsAreArray(counting(8)));
  const Tensor x = Tensor::from_nchw({2, 2, 1, 2}, counting(8)).clone();
  EXPECT_EQ(x.layout(), Layout::kChannelsLast);
  EXPECT_THAT(x.to_nchw(), ElementsAreArray(counting(8)));
}

TEST(Tensor, GradientIsUndefinedUntilBackwardAndAfterZeroGrad) {
  Tensor w = Tensor::scalar(3);
  w.set_requires_grad();
  EXPECT_FALSE(w.grad().defined());
  sum(w).backward();
  EXPECT_EQ(w.grad().item(), 1.0F);
  w.zero_grad();
  EXPECT_FALSE(w.grad().defined());
  w.set_grad(Tensor::scalar(4));
  EXPECT_EQ(w.grad().item(), 4.0F);
}

// ---- errors --------------------------------------------------------------------------------------------------------

TEST(Tensor, RejectsUseOfAnUndefinedTensor) {
  const std::string expected = "tensor: it is undefined (default-constructed), so it has no values";
  Tensor none;
  EXPECT_FALSE(none.defined());
  EXPECT_EQ(error_text([&] { none.shape(); }), expected);
  EXPECT_EQ(error_text([&] { none.size(); }), expected);
  EXPECT_EQ(error_text([&] { none.layout(); }), expected);
  EXPECT_EQ(error_text([&] { none.values(); }), expected);
  EXPECT_EQ(error_text([&] { none.mutable_values(); }), expected);
  EXPECT_EQ(error_text([&] { none.to_vector(); }), expected);
  EXPECT_EQ(error_text([&] { none.item(); }), expected);
  EXPECT_EQ(error_text([&] { none.set_requires_grad(); }), expected);
  EXPECT_EQ(error_text([&] { none.requires_grad(); }), expected);
  EXPECT_EQ(error_text([&] { none.grad(); }), expected);
  EXPECT_EQ(error_text([&] { none.set_grad({}); }), expected);
  EXPECT_EQ(error_text([&] { none.backward(); }), expected);
  EXPECT_EQ(error_text([&] { none.detach(); }), expected);
  EXPECT_EQ(error_text([&] { none.clone(); }), expected);
  EXPECT_EQ(error_text([&] { none.zero_grad(); }), "zero_grad: the tensor is undefined");
}

TEST(Tensor, RejectsValuesThatDoNotFillTheShape) {
  EXPECT_EQ(error_text([] {
              Tensor::from_nchw({1, 2, 1, 2}, counting(5));
            }),
            "from_nchw: shape [1, 2, 1, 2] needs 4 values, got 5");
  EXPECT_EQ(error_text([] {
              Tensor::from_nhwc({1, 2, 1, 2}, counting(3));
            }),
            "from_nhwc: shape [1, 2, 1, 2] needs 4 values, got 3");
  EXPECT_EQ(error_text([] {
              Tensor::from_values({3, 2}, counting(0));
            }),
            "from_values: shape [3, 2] needs 6 values, got 0");
}

TEST(Tensor, RejectsShapesThatNoTensorHas) {
  EXPECT_EQ(error_text([] { Tensor::zeros({2, -1}); }), "tensor: sizes must not be negative, got [2, -1]");
  EXPECT_EQ(error_text([] {
              Tensor::from_nchw({2, 3}, counting(6));
            }),
            "from_nchw: the shape must be [N, C, H, W], got [2, 3]");
  EXPECT_EQ(error_text([] { Tensor::from_nhwc({6}, counting(6)); }),
            "from_nhwc: the shape must be [N, C, H, W], got [6]");
  EXPECT_EQ(error_text([] {
              Tensor::empty({2, 3}, Layout::kChannelsLast);
            }),
            "tensor: only 4-D tensors can be channels-last, got [2, 3]");
}

// 2^32 * 2^32 elements are zero elements to 64 bits, 2^61 floats zero bytes.
TEST(Tensor, RejectsSizesThatOverflow) {
  const std::int64_t big = std::int64_t{1} << 32;
  EXPECT_EQ(error_text([&] {
              Tensor::empty({big, big});
            }),
            "tensor: shape [4294967296, 4294967296] has more elements than memory can hold");
  EXPECT_EQ(error_text([&] {
              Tensor::from_values({big, big}, counting(0));
            }),
            "tensor: shape [4294967296, 4294967296] has more elements than memory can hold");
  EXPECT_EQ(error_text([&] {
              Tensor::zeros({big, big >> 3});
            }),
            "tensor: shape [4294967296, 536870912] has more elements than memory can hold");
  EXPECT_EQ(error_text([&] {
              Tensor::zeros({big, big, 0});
            }),
            "tensor: shape [4294967296, 4294967296, 0] has more elements than memory can hold");
}

TEST(Tensor, RejectsAccessorsThatDoNotFitTheShape) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_EQ(x.dim(1), 3);
  EXPECT_EQ(error_text([&] { x.dim(2); }), "tensor: shape [2, 3] has no dimension 2");
  EXPECT_EQ(error_text([&] { x.to_nchw(); }), "to_nchw: the tensor must be 4-D, got [2, 3]");
  EXPECT_EQ(error_text([&] { x.item(); }), "item: the tensor must have one element, got shape [2, 3]");
}

TEST(Tensor, RejectsGradientsThatDoNotFit) {
  Tensor w = Tensor::zeros({2, 3, 1, 1}, Layout::kRowMajor);
  EXPECT_EQ(error_text([&] {
              w.set_grad(Tensor::zeros({3, 2}));
            }),
            "set_grad: the gradient's shape must be [2, 3, 1, 1], got [3, 2]");
  EXPECT_EQ(error_text([&] {
              w.set_grad(Tensor::zeros({2, 3, 1, 1}));
            }),
            "set_grad: the gradient must lie in memory as the tensor does (row-major or channels-last)");
}

TEST(Tensor, OnlyLeavesCanBeToldToRequireAGradient) {
  Tensor w = Tensor::scalar(1).set_requires_grad();
  Tensor y = sigmoid(w);
  EXPECT_EQ(error_text([&] { y.set_requires_grad(); }),
            "set_requires_grad: only for leaves; this tensor is the result of an op (detach() it first)");
}

}  // namespace
}  // namespace octet
