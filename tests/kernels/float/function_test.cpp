// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/function.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "octet/base/rng.h"

namespace octet::kernels {
namespace {

std::vector<float> random_values(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = rng.uniform(-8.0F, 8.0F);
  return values;
}

TEST(Function, HandlesEveryLength) {
  for (std::int64_t n = 0; n <= 70; ++n) {
    const std::vector<float> x = random_values(n, 1);
    std::vector<float> y(static_cast<std::size_t>(n) + 1, 77.0F);  // the last must stay
    function_forward(Function::kRelu6, 0.0F, n, x.data(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], std::fmin(std::fmax(x[i], 0.0F), 6.0F)) << n;
    function_forward(Function::kLeakyRelu, 0.25F, n, x.data(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], x[i] > 0.0F ? x[i] : 0.25F * x[i]) << n;
    EXPECT_EQ(y.back(), 77.0F) << n;
  }
}

TEST(Function, CrossesChunks) {
  const std::int64_t n = 200'003;
  const std::vector<float> x = random_values(n, 3);
  std::vector<float> y(x.size()), dx(x.size());
  const std::vector<float> dy(x.size(), 1.0F);
  function_forward(Function::kTanh, 0.0F, n, x.data(), y.data());
  function_backward(Function::kTanh, 0.0F, n, y.data(), dy.data(), dx.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(y[i], std::tanh(x[i])) << i;
    ASSERT_EQ(dx[i], 1.0F - y[i] * y[i]) << i;
  }
}

TEST(Function, SaysWhatItsGradientReads) {
  EXPECT_TRUE(gradient_reads_result(Function::kLeakyRelu, 0.1F));
  EXPECT_FALSE(gradient_reads_result(Function::kLeakyRelu, -0.1F));  // y then has one sign
}

}  // namespace
}  // namespace octet::kernels
