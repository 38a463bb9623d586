// SPDX-License-Identifier: Apache-2.0
// Results that are still to be computed are what their inputs were when the op was called.
#include "octet/autograd/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/tensor.h"
#include "octet/kernels/core/memory_failure.h"

namespace octet {
namespace {

const Tensor kNone;

Tensor normalised(const Tensor& x) {
  const Shape channels{x.dim(1)};
  return batch_norm(x, kNone, kNone, Tensor::full(channels, 0.5F), Tensor::full(channels, 4.0F), {.eps = 0.0F});
}

void write(Tensor t) {
  for (float& v : t.mutable_values()) v = 100.0F;
}

// An expression of a and b, both to be overwritten before its result is read.
struct Expression {
  const char* name;
  std::function<Tensor(const Tensor& a, const Tensor& b)> make;
};

const std::vector<Expression>& expressions() {
  static const std::vector<Expression> all = {
      {"batch_norm", [](const Tensor& a, const Tensor&) { return normalised(a); }},
      {"add", [](const Tensor& a, const Tensor& b) { return a + b; }},
      {"relu of norm + plain", [](const Tensor& a, const Tensor& b) { return relu(normalised(b) + a); }},
      {"norm + norm", [](const Tensor& a, const Tensor& b) { return normalised(a) + normalised(b); }},
      {"relu6 of norm", [](const Tensor& a, const Tensor&) { return relu6(normalised(a)); }},
      {"clip of norm", [](const Tensor& a, const Tensor&) { return clip(normalised(a), -0.25F, 0.25F); }},
      {"plain + norm, reshaped", [](const Tensor& a, const Tensor& b) { return reshape(a + normalised(b), {12}); }},
      {"batch statistics",
       [](const Tensor& a, const Tensor& b) {
         return relu(batch_norm(a, kNone, kNone, kNone, kNone, {.training = true}) + b);
       }},
      {"norm of a detached handle", [](const Tensor& a, const Tensor&) { return normalised(a.detach()); }},
  };
  return all;
}

Tensor image(float first) {
  std::vector<float> values(12);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.25F * static_cast<float>(i);
  return Tensor::from_nchw({1, 3, 2, 2}, values);
}

TEST(Recipe, HoldsWhatItsInputsWere) {
  for (const Expression& e : expressions()) {
    const std::vector<float> expected = e.make(image(-1.0F), image(0.5F)).to_vector();
    for (const bool without_history : {true, false}) {
      Tensor a = image(-1.0F), b = image(0.5F);
      if (!without_history) a.set_requires_grad();
      const Tensor y = e.make(a, b);
      write(a);
      write(b);
      EXPECT_EQ(y.to_vector(), expected) << e.name;
    }
  }
}

// A pointer from before the call cannot be seen through, so what reads such a tensor reads it at once.
TEST(Recipe, HoldsWhatItsInputsWereAlsoForOldPointers) {
  for (const Expression& e : expressions()) {
    const std::vector<float> expected = e.make(image(-1.0F), image(0.5F)).to_vector();
    Tensor a = image(-1.0F), b = image(0.5F);
    float* const to[] = {a.mutable_values().data(), b.mutable_values().data()};
    const Tensor y = e.make(a, b);
    for (float* const p : to) std::fill_n(p, 12, 100.0F);
    EXPECT_EQ(y.to_vector(), expected) << e.name;
  }
}

TEST(Recipe, HoldsWhatItsInputsWereAlsoOfOpsOfOthers) {
  Tensor frame = image(-1.0F);
  float* const pixels = frame.mutable_values().data();
  const std::vector<float> expected = normalised(image(-1.0F)).to_vector();
  const Tensor y = normalised(record("camera", frame, {}, nullptr, nullptr));
  std::fill_n(pixels, 12, 100.0F);
  EXPECT_EQ(y.to_vector(), expected);
}

TEST(Recipe, LeavesPointersOfTheTensorAlone) {
  Tensor a = image(-1.0F);
  const float* const before = a.values().data();
  const Tensor y = normalised(a);
  write(a);
  EXPECT_EQ(a.values().data(), before);
  EXPECT_EQ(before[0], 100.0F);
  EXPECT_NE(y.to_vector()[0], 100.0F);
  EXPECT_EQ(a.version(), 1U);
}

TEST(Recipe, GradientsAreThoseOfTheForwardPass) {
  for (const Expression& e : expressions()) {
    const auto gradient = [&](bool overwrite) {
      Tensor a = image(-1.0F), b = image(0.5F);
      const Tensor wanted = Tensor::full({1}, 1.0F).set_requires_grad();
      const Tensor y = e.make(a * wanted, b * wanted);
      if (!y.requires_grad()) return std::vector<float>{0.0F};  // it is of a detached handle
      if (overwrite) {
        write(a);
        write(b);
      }
      try {
        sum(y * y).backward();
      } catch (const Error& error) {  // as good: the product says that its factor was written to
        EXPECT_THAT(error.what(), testing::HasSubstr("was written to after the forward pass"));
        return std::vector<float>{};
      }
      return wanted.grad().to_vector();
    };
    const std::vector<float> expected = gradient(false), got = gradient(true);
    EXPECT_FALSE(expected.empty()) << e.name;
    EXPECT_TRUE(got.empty() || got == expected) << e.name;
  }
}

TEST(Recipe, NamesTheOpThatComputesAndWhereItWasCalled) {
  const Tensor x = image(1.0F);
  Tensor y;
  {
    const ContextScope block("layer1"), norm("bn");
    y = normalised(x);
  }
  const ContextScope reader("fc");
  kernels::fail_allocation(1);
  try {
    y.values();
    ADD_FAILURE() << "memory did not run out";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("layer1.bn.batch_norm: "));
  }
  kernels::fail_allocation(0);
}

}  // namespace
}  // namespace octet
