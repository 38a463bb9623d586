// SPDX-License-Identifier: Apache-2.0
// Running a kernel on several numbers of threads.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <vector>

#include "octet/kernels/core/parallel.h"

namespace octet::test {

/// `run` returns values of the same bits with 1, 2, 3 and 8 threads.
inline void expect_same_values_on_any_number_of_threads(const std::function<std::vector<float>()>& run) {
  const int before = kernels::num_threads();
  std::vector<float> first;
  for (int threads : {1, 2, 3, 8}) {
    kernels::set_num_threads(threads);
    const std::vector<float> now = run();
    if (first.empty()) first = now;
    EXPECT_EQ(now.size(), first.size());
    EXPECT_EQ(std::memcmp(now.data(), first.data(), first.size() * sizeof(float)), 0)
        << threads << " threads against 1";
  }
  kernels::set_num_threads(before);
}

}  // namespace octet::test
