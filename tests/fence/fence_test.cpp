// SPDX-License-Identifier: Apache-2.0
// The fence of fence.cpp, which this program is built with, stands.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "octet/kernels/core/memory.h"

namespace octet::kernels {
namespace {

TEST(Fence, LeavesBlocksAlone) {
  for (const std::size_t alignment : {64, 4096, 1 << 21}) {
    auto* const block = static_cast<volatile char*>(std::aligned_alloc(alignment, 3 * alignment));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0U);
    block[0] = 1;
    block[3 * alignment - 1] = 2;
    EXPECT_EQ(block[0] + block[3 * alignment - 1], 3);
    std::free(const_cast<char*>(block));
  }
}

TEST(FenceDeathTest, EndsAProgramThatTouchesWhatIsNotItsOwn) {
  const Buffer buffer(1 << 20);
  volatile char* const bytes = static_cast<char*>(buffer.data());
  bytes[(1 << 20) - 1] = 1;
  EXPECT_DEATH(bytes[1 << 20] = 1, "");
  EXPECT_DEATH((void)bytes[1 << 20], "");
  void* const block = std::aligned_alloc(64, 64);
  const volatile auto address = reinterpret_cast<std::uintptr_t>(block);  // or the compiler sees what we are up to
  std::free(block);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(address) = 1, "");
}

}  // namespace
}  // namespace octet::kernels
