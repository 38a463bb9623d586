// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/peak_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace octet {
namespace {

TEST(PeakMemory, RemembersWhatHasBeenGivenBack) {
  constexpr std::int64_t kBytes = 64 << 20;
  const std::int64_t before = peak_resident_bytes();
  EXPECT_GT(before, 1 << 20);
  // Filled, or the system gives no pages; and more than the process's own ups and downs.
  EXPECT_EQ(std::vector<char>(static_cast<std::size_t>(before + kBytes), 1).back(), 1);
  EXPECT_GE(peak_resident_bytes(), before + kBytes);
}

}  // namespace
}  // namespace octet
