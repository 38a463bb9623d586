// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace octet::kernels {
namespace {

TEST(SoftmaxKernel, RunsAlongColumnsAsAlongRows) {
  const std::vector<float> rows = {1, 2, 3, 4, 6, 8}, columns = {1, 4, 2, 6, 3, 8};  // 2 x 3 and its transpose
  std::vector<float> y(6), z(6);
  softmax_forward({2, 3, 1}, rows.data(), y.data());
  softmax_forward({2, 3, 2}, columns.data(), z.data());
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(y[r * 3 + k], z[k * 2 + r]);
  log_softmax_backward({2, 3, 1}, y.data(), rows.data(), z.data());
  std::vector<float> dy_columns(6), dx_columns(6), y_columns(6);
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t k = 0; k < 3; ++k) y_columns[k * 2 + r] = y[r * 3 + k];
  log_softmax_backward({2, 3, 2}, y_columns.data(), columns.data(), dx_columns.data());
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(z[r * 3 + k], dx_columns[k * 2 + r]);
}

TEST(SoftmaxKernel, SumsToOne) {
  std::vector<float> x(3 * 5000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) * 0.25F;
  softmax_forward({3, 5000, 1}, x.data(), y.data());
  for (std::size_t r = 0; r < 3; ++r) {
    double total = 0;
    for (std::size_t k = 0; k < 5000; ++k) total += static_cast<double>(y[r * 5000 + k]);
    EXPECT_NEAR(total, 1.0, 1e-6);
  }
}

TEST(CrossEntropyKernel, OfEqualLogitsIsTheLogarithmOfTheClasses) {
  const std::vector<float> logits(8, 3.0F);
  const std::vector<std::int64_t> labels = {1, 3};
  std::vector<float> dx(8);
  for (double smoothing : {0.0, 0.2}) {
    EXPECT_DOUBLE_EQ(cross_entropy_forward({2, 4, smoothing}, logits.data(), labels.data()), std::log(4.0));
    cross_entropy_backward({2, 4, smoothing}, logits.data(), labels.data(), 1.0, dx.data());
    const float miss = static_cast<float>(0.5 * (0.25 - smoothing / 4)),
                hit = static_cast<float>(miss - 0.5 * (1 - smoothing));
    for (std::size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(dx[i], i == 1 || i == 7 ? hit : miss) << i;
  }
}

}  // namespace
}  // namespace octet::kernels
