// SPDX-License-Identifier: Apache-2.0
// The checker itself: it must see what is wrong, down to one element.
#include "support/gradient_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"

namespace octet {
namespace {

using test::Array64;
using test::check_adjoint;
using test::check_op;
using testing::HasSubstr;

// y = x^2, with `spoil` done to the values and to the gradient.
test::Op square(const std::function<void(std::span<float>)>& spoil_value,
                const std::function<void(std::span<float>)>& spoil_gradient) {
  return [=](const std::vector<Tensor>& in) {
    const Tensor x = in[0];
    Tensor y = x.detach().clone();
    for (float& v : y.mutable_values()) v *= v;
    spoil_value(y.mutable_values());
    return record("square", y, {x}, nullptr, [=](const Tensor& dy, const NeedsGrad&) {
      Tensor dx = x.detach().clone();
      for (std::size_t i = 0; i < dx.values().size(); ++i) dx.mutable_values()[i] *= 2 * dy.values()[i];
      spoil_gradient(dx.mutable_values());
      return std::vector<Tensor>{dx};
    });
  };
}

Array64 square_reference(const std::vector<Array64>& in) {
  Array64 y = in[0];
  for (double& v : y.values) v *= v;
  return y;
}

Tensor input(std::int64_t size) {
  Rng rng(41);
  return test::random_tensor({size}, rng);
}

void leave(std::span<float>) {}

TEST(GradientCheck, AcceptsWhatIsRight) {
  EXPECT_TRUE(check_op(square(leave, leave), square_reference, {input(20)}));
  EXPECT_TRUE(check_op(square(leave, leave), square_reference, {input(5000)}));
}

TEST(GradientCheck, SeesOneWrongElementAmongMany) {
  for (const std::int64_t size : {20, 5000}) {
    const auto spoil = [](std::span<float> values) { values[values.size() / 2] += 0.5F; };
    const testing::AssertionResult gradient = check_op(square(leave, spoil), square_reference, {input(size)});
    EXPECT_FALSE(gradient);
    EXPECT_THAT(gradient.message(), HasSubstr("wrong values\ninput     index                      ours"));
    EXPECT_THAT(gradient.message(), HasSubstr(size > 128 ? "input 0   direction 0" : "input 0   10"));
    const testing::AssertionResult value = check_op(square(spoil, leave), square_reference, {input(size)});
    EXPECT_FALSE(value);
    EXPECT_THAT(value.message(), HasSubstr("value     " + std::to_string(size / 2)));
  }
}

TEST(GradientCheck, SeesNotANumber) {
  const auto spoil = [](std::span<float> values) { values[0] = std::nanf(""); };
  EXPECT_FALSE(check_op(square(leave, spoil), square_reference, {input(20)}));
  EXPECT_FALSE(check_op(square(leave, spoil), square_reference, {input(5000)}));
  EXPECT_FALSE(check_op(square(spoil, leave), square_reference, {input(20)}));
}

TEST(GradientCheck, SeesAGradientThatIsHalfAThousandthOff) {
  const auto spoil = [](std::span<float> values) {
    for (float& v : values) v *= 1.0005F;
  };
  EXPECT_FALSE(check_op(square(leave, spoil), square_reference, {input(20)}));
  EXPECT_FALSE(check_op(square(leave, spoil), square_reference, {input(5000)}));
}

TEST(GradientCheck, SeesAWrongShape) {
  const testing::AssertionResult result = check_op(square(leave, leave),
                                                   [](const std::vector<Array64>&) {
                                                     return test::zeros64({4, 5});
                                                   },
                                                   {input(20)});
  EXPECT_STREQ(result.message(), "shape [20], the reference has [4, 5]");
}

TEST(AdjointCheck, SeesATransposeThatIsNone) {
  const auto twice = [](const Tensor& x) { return x + x; };
  const auto once = [](const Tensor& x) { return x; };
  EXPECT_TRUE(check_adjoint(twice, twice, input(50), input(50)));
  EXPECT_FALSE(check_adjoint(twice, once, input(50), input(50)));
  EXPECT_FALSE(check_adjoint(twice, twice, input(50), input(51)));
}

}  // namespace
}  // namespace octet
