// SPDX-License-Identifier: Apache-2.0
// Bit for bit: two tensors, and one computation on any number of threads.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <iomanip>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/error.h"
#include "octet/kernels/core/parallel.h"

namespace octet::test {

/// Equal shapes and bits (undefined equals undefined).
inline testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return testing::AssertionFailure() << "one is undefined";
  if (!a.defined()) return testing::AssertionSuccess();
  if (a.shape() != b.shape()) return testing::AssertionFailure() << text("shapes ", a.shape(), " and ", b.shape());
  const std::vector<float> u = a.to_vector(), v = b.to_vector();
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (std::memcmp(&u[i], &v[i], sizeof(float)) != 0)
      return testing::AssertionFailure() << std::setprecision(9) << "element " << i << ": " << u[i] << " and " << v[i];
  }
  return testing::AssertionSuccess();
}

/// Runs `run` with 1, 2, 3, 4 and 8 threads; every tensor it returns has the same bits each time.
inline void expect_same_bits_on_any_number_of_threads(const std::function<std::vector<Tensor>()>& run) {
  const int before = kernels::num_threads();
  std::vector<Tensor> first;
  for (int threads : {1, 2, 3, 4, 8}) {
    kernels::set_num_threads(threads);
    const std::vector<Tensor> now = run();
    if (first.empty()) first = now;
    ASSERT_EQ(now.size(), first.size());
    for (std::size_t i = 0; i < now.size(); ++i)
      EXPECT_TRUE(same_bits(now[i], first[i])) << "tensor " << i << ", " << threads << " threads against 1";
  }
  kernels::set_num_threads(before);
}

}  // namespace octet::test
