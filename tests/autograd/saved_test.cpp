// SPDX-License-Identifier: Apache-2.0
// A backward pass that would read other values than the forward pass did is an error.
#include "octet/autograd/saved.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"

namespace octet {
namespace {

using testing::HasSubstr;

const Tensor kNone;

Tensor leaf(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i % 7) - 0.25F;
  Tensor t = Tensor::from_values(shape, values);
  return t.set_requires_grad();
}
Tensor activation(const Shape& shape) {
  Tensor t = Tensor::from_nchw(shape, leaf(shape).to_vector());
  return t.set_requires_grad();
}

struct Case {
  std::string op, name;  // as the message has them
  std::function<Tensor(const Tensor& first, const Tensor& second)> make;
  Tensor first, second;
  bool second_is_written = false;
};

std::vector<Case> cases() {
  const Tensor x = activation({1, 2, 4, 4}), w = leaf({2, 2, 3, 3});
  const std::vector<std::int64_t> labels{1, 0};
  const auto conv = [](const Tensor& a, const Tensor& b) { return conv2d(a, b, kNone, {.padding = 1}); };
  const auto transposed = [](const Tensor& a, const Tensor& b) { return conv_transpose2d(a, b, kNone, {}); };
  const auto fc = [](const Tensor& a, const Tensor& b) { return linear(a, b, kNone); };
  return {
      {"conv2d", "x", conv, activation({1, 2, 4, 4}), w},
      {"conv2d", "w", conv, x, leaf({2, 2, 3, 3}), true},
      {"conv_transpose2d", "x", transposed, activation({1, 2, 4, 4}), w},
      {"conv_transpose2d", "w", transposed, x, leaf({2, 2, 3, 3}), true},
      {"linear", "x", fc, leaf({2, 3}), leaf({4, 3})},
      {"linear", "w", fc, leaf({2, 3}), leaf({4, 3}), true},
      {"mul", "a", [](const Tensor& a, const Tensor& b) { return a * b; }, leaf({3}), leaf({3})},
      {"mul", "b", [](const Tensor& a, const Tensor& b) { return a * b; }, leaf({3}), leaf({1}), true},
      {"mse_loss", "a", mse_loss, leaf({3}), leaf({3})},
      {"mse_loss", "b", mse_loss, leaf({3}), leaf({3}), true},
      {"silu", "x", [](const Tensor& a, const Tensor&) { return silu(a); }, leaf({3}), {}},
      {"clip", "x", [](const Tensor& a, const Tensor&) { return clip(a, -0.1F, 0.1F); }, leaf({3}), {}},
      {"cross_entropy",
       "logits",
       [labels](const Tensor& a, const Tensor&) { return cross_entropy(a, labels); },
       leaf({2, 3}),
       {}},
  };
}

TEST(Saved, RefusesTheGradientOfAnInputThatWasWrittenTo) {
  for (Case& c : cases()) {
    const Tensor y = c.make(c.first, c.second);
    Tensor written = c.second_is_written ? c.second : c.first;
    written.mutable_values()[0] = 3.0F;
    if (c.op == "clip") {  // it keeps the values themselves
      EXPECT_NO_THROW(sum(y).backward());
      EXPECT_EQ(c.first.grad().values()[0], 0.0F);
      continue;
    }
    try {
      sum(y).backward();
      ADD_FAILURE() << c.op << ' ' << c.name << ": no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.op + ": " + c.name + " "));
      EXPECT_THAT(error.what(), HasSubstr("was written to after the forward pass"));
    }
    EXPECT_FALSE(c.first.grad().defined()) << c.op;
  }
}

TEST(Saved, RefusesTheGradientOfAResultThatWasWrittenTo) {
  const Tensor x = leaf({3}), rows = leaf({2, 3}), image = activation({1, 2, 4, 4});
  const std::vector<std::pair<std::string, Tensor>> results = {
      {"relu", relu(x)},
      {"relu6", relu6(image)},
      {"sigmoid", sigmoid(x)},
      {"softmax", softmax(rows, 1)},
      {"log_softmax", log_softmax(rows, 1)},
  };
  for (const auto& [op, y] : results) {
    Tensor written = y;
    written.mutable_values()[0] = 3.0F;
    try {
      sum(y).backward();
      ADD_FAILURE() << op << ": no error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(op + ": its result "));
    }
  }
}

// What the gradient does not read may be written to.
TEST(Saved, AllowsWhatTheGradientDoesNotRead) {
  Tensor x = leaf({3}), frozen = Tensor::full({3}, 2.0F);
  const Tensor added = sum(x + frozen), scaled = sum(x * frozen);
  x.mutable_values()[0] = 7.0F;
  EXPECT_NO_THROW(added.backward());
  EXPECT_NO_THROW(scaled.backward());
  EXPECT_EQ(x.grad().to_vector(), (std::vector<float>{3, 3, 3}));
}

TEST(Saved, SeesWritesThroughDetachedAndReshapedHandles) {
  for (const bool reshaped : {false, true}) {
    Tensor w = leaf({4, 3});
    const Tensor y = sum(linear(leaf({2, 3}), w, kNone));
    Tensor other = reshaped ? reshape(w.detach(), {12}) : w.detach();
    other.mutable_values()[0] = 1.0F;
    EXPECT_THROW(y.backward(), Error);
  }
}

}  // namespace
}  // namespace octet
