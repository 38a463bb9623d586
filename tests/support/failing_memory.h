// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at every moment in turn.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "octet/base/error.h"
#include "octet/kernels/core/memory_failure.h"

namespace octet::test {

/// Calls attempt() with the first allocation failing, then the second one, and so on, until nothing fails any more;
/// after each failure check(n). Returns the number of failures.
template <typename Attempt, typename Check>
std::int64_t fail_each_allocation(const Attempt& attempt, const Check& check) {
  constexpr std::int64_t kMost = 100'000;
  for (std::int64_t n = 1; n < kMost; ++n) {
    kernels::fail_allocation(n);
    try {
      attempt();
      kernels::fail_allocation(0);
      return n - 1;
    } catch (const Error& error) {
      kernels::fail_allocation(0);
      EXPECT_NE(std::string(error.what()).find("out of memory"), std::string::npos) << error.what();
    }
    check(n);
  }
  ADD_FAILURE() << "there is no end to allocations";
  return kMost;
}

}  // namespace octet::test
