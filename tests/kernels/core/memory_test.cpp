// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/core/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "octet/kernels/core/memory_failure.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"

namespace octet::kernels {
namespace {

TEST(Buffer, IsAlignedAndAtMostAnEighthTooLarge) {
  for (const std::int64_t bytes : {1, 255, 256, 257, 300, 1000, 4096, 4097, 123'456, 1'048'577, 40'000'000}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U) << bytes;
    EXPECT_GE(buffer.bytes(), bytes);
    EXPECT_LE(buffer.bytes(), std::max<std::int64_t>(256, bytes + bytes / 8 + 64)) << bytes;
    std::fill_n(static_cast<char*>(buffer.data()), buffer.bytes(), '\x5a');  // all of it is ours
  }
}

TEST(Buffer, OfNothingHasNoMemory) {
  const MemoryStatistics before = memory_statistics();
  const Buffer none(0), also_none;
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(also_none.data(), nullptr);
  EXPECT_EQ(memory_statistics().live_bytes, before.live_bytes);
}

TEST(Buffer, GoesBackToThePoolAndIsUsedAgain) {
  release_cached_memory();
  const MemoryStatistics before = memory_statistics();
  void* first = nullptr;
  {
    const Buffer buffer(100'000);
    first = buffer.data();
    EXPECT_EQ(memory_statistics().live_bytes - before.live_bytes, buffer.bytes());
    EXPECT_EQ(memory_statistics().system_allocations - before.system_allocations, 1);
  }
  EXPECT_EQ(memory_statistics().live_bytes, before.live_bytes);
  EXPECT_GE(memory_statistics().cached_bytes, 100'000);
  const Buffer again(99'999), other(100'000);
  EXPECT_EQ(again.data(), first);
  EXPECT_NE(other.data(), first);
  EXPECT_EQ(memory_statistics().cached_bytes, 0);
  EXPECT_EQ(memory_statistics().system_allocations - before.system_allocations, 2);
}

TEST(Buffer, MovesItsMemory) {
  Buffer a(1024);
  void* const data = a.data();
  Buffer b(std::move(a));
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(a.data(), nullptr);  // NOLINT: moved from on purpose
  const std::int64_t live = memory_statistics().live_bytes;
  b = Buffer(2000);  // the old block goes
  EXPECT_EQ(memory_statistics().live_bytes, live + b.bytes() - 1024);
  b = Buffer();
  EXPECT_EQ(memory_statistics().live_bytes, live - 1024);
}

TEST(Buffer, RejectsWhatTheSystemDoesNotHave) {
  const MemoryStatistics before = memory_statistics();
  const std::int64_t bytes = std::int64_t{1} << 50;
  EXPECT_EQ(test::error_text([&] { Buffer buffer(bytes); }),
            "out of memory: 1125899906842624 bytes asked for, " + std::to_string(before.live_bytes) + " in use");
  EXPECT_EQ(memory_statistics().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_statistics().peak_bytes, before.peak_bytes);
}

TEST(Buffer, TakesWhatThePoolDoesNotUseBeforeItGivesUp) {
  constexpr std::int64_t kLarge = std::int64_t{1} << 29, kOtherClass = kLarge - kLarge / 4, kMore = 2 * kLarge;
  release_cached_memory();
  { const Buffer cached(kLarge); }
  const test::AddressSpaceLimit limit(kLarge / 2);
  {
    const Buffer buffer(kOtherClass);
    EXPECT_NE(buffer.data(), nullptr);
    EXPECT_EQ(memory_statistics().cached_bytes, 0);
  }
  // The pool has nothing but that block, and even with it there is not enough.
  EXPECT_THAT(test::error_text([&] { Buffer buffer(kMore); }),
              testing::StartsWith("out of memory: " + std::to_string(kMore) + " bytes asked for, "));
  EXPECT_EQ(memory_statistics().cached_bytes, 0);
}

TEST(Memory, IsGivenBackToTheSystemOnRequest) {
  { const Buffer buffer(50'000); }
  EXPECT_GE(memory_statistics().cached_bytes, 50'000);
  release_cached_memory();
  EXPECT_EQ(memory_statistics().cached_bytes, 0);
}

TEST(Memory, RemembersItsPeak) {
  release_cached_memory();
  const std::int64_t live = memory_statistics().live_bytes;
  { const Buffer buffer(80'000'000); }
  EXPECT_GE(memory_statistics().peak_bytes, live + 80'000'000);
  release_cached_memory();
  EXPECT_GE(memory_statistics().peak_bytes, live + 80'000'000);
}

// After this "lately" knows nothing of other tests.
void use_little_for_long() {
  for (int i = 0; i < 100'000; ++i) const Buffer small(std::int64_t{4} << 20);
}

TEST(Memory, UnusedIsAtMostThreeTimesWhatWasInUseAtOnce) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  use_little_for_long();
  release_cached_memory();
  // One size after the other, as images of many sizes ask for them.
  std::int64_t live = 0;
  for (std::int64_t size = 20; size < 120; size += 2) {
    const Buffer a(size * kMiB), b(size * kMiB);
    live = memory_statistics().live_bytes;
    EXPECT_LE(memory_statistics().cached_bytes, 3 * live) << size;
  }
  EXPECT_GE(memory_statistics().cached_bytes, live);
}

TEST(Memory, OfALargePhaseGoesBackInTheSmallOneAfterIt) {
  constexpr std::int64_t kLarge = std::int64_t{64} << 20;
  { const Buffer a(kLarge), b(kLarge / 2); }
  EXPECT_GE(memory_statistics().cached_bytes, kLarge);
  use_little_for_long();
  EXPECT_LE(memory_statistics().cached_bytes, std::int64_t{16} << 20);
}

TEST(Memory, OfSeveralPhasesOfAStepStays) {
  use_little_for_long();
  release_cached_memory();
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  const auto step = [] {
    for (const std::int64_t size : {40, 33, 25}) const Buffer a(size * kMiB);
  };
  step();
  const std::int64_t before = memory_statistics().system_allocations;
  for (int i = 0; i < 200; ++i) step();
  EXPECT_EQ(memory_statistics().system_allocations, before);
}

TEST(Memory, FailsWhereATestWants) {
  const MemoryStatistics before = memory_statistics();
  fail_allocation(2);
  const Buffer first(1000);
  EXPECT_THAT(test::error_text([] { Buffer second(1000); }),
              testing::StartsWith("out of memory: 1000 bytes asked for"));
  const Buffer third(1000);
  EXPECT_EQ(memory_statistics().live_bytes, before.live_bytes + first.bytes() + third.bytes());
}

TEST(Memory, IsSharedByThreads) {
  release_cached_memory();
  const std::int64_t live = memory_statistics().live_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) {
        const Buffer buffer(1000 + 100 * ((i + t) % 5));
        std::fill_n(static_cast<char*>(buffer.data()), buffer.bytes(), static_cast<char>(t));
        const auto* bytes = static_cast<const char*>(buffer.data());
        EXPECT_TRUE(std::all_of(bytes, bytes + buffer.bytes(), [t](char c) { return c == static_cast<char>(t); }));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory_statistics().live_bytes, live);
}

}  // namespace
}  // namespace octet::kernels
