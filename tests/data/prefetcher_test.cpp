// SPDX-License-Identifier: Apache-2.0
#include "octet/data/prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

Batch numbered_batch(std::int64_t number) { return {.images = {}, .labels = {number}}; }

TEST(Prefetcher, KeepsTheOrderForAnyWorkersAndDepth) {
  for (int workers : {0, 1, 2, 5}) {
    for (std::int64_t depth : {1, 2, 7}) {
      Prefetcher prefetcher(numbered_batch, {.first = 3, .last = 40, .workers = workers, .depth = depth});
      for (std::int64_t i = 3; i < 40; ++i) ASSERT_EQ(prefetcher.next().labels, (std::vector<std::int64_t>{i}));
    }
  }
}

TEST(Prefetcher, NeverRunsFurtherAheadThanItsDepth) {
  std::atomic<std::int64_t> taken = 0, furthest = 0;
  const auto make = [&](std::int64_t number) {
    const std::int64_t ahead = number - taken;
    std::int64_t old = furthest;
    while (ahead > old && !furthest.compare_exchange_weak(old, ahead)) {
    }
    return numbered_batch(number);
  };
  Prefetcher prefetcher(make, {.first = 0, .last = 200, .workers = 3, .depth = 4});
  for (int i = 0; i < 200; ++i) {
    // Counted before it is taken: a batch may be begun between next() handing out a slot and returning.
    ++taken;
    prefetcher.next();
  }
  EXPECT_LE(furthest, 4);
}

TEST(Prefetcher, ThrowsAnErrorWhereItsBatchIsDueAndGoesOnBehindIt) {
  for (int workers : {0, 2}) {
    const auto make = [](std::int64_t number) {
      if (number == 5) fail("batch ", number, " is damaged");
      return numbered_batch(number);
    };
    Prefetcher prefetcher(make, {.first = 0, .last = 8, .workers = workers, .depth = 3});
    for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(prefetcher.next().labels[0], i);
    const ContextScope consumer("epoch 3");
    EXPECT_EQ(error_text([&] { prefetcher.next(); }), "epoch 3: batch 5 is damaged");
    EXPECT_EQ(prefetcher.next().labels[0], 6);
  }
}

TEST(Prefetcher, EndsWithBatchesThatNobodyTook) {
  for (std::int64_t taken : {0, 1, 6}) {
    std::atomic<std::int64_t> made = 0;
    {
      const auto make = [&](std::int64_t number) {
        ++made;
        return numbered_batch(number);
      };
      Prefetcher prefetcher(make, {.first = 0, .last = 1000, .workers = 2, .depth = 4});
      for (std::int64_t i = 0; i < taken; ++i) prefetcher.next();
    }
    EXPECT_LE(made, taken + 4);
  }
}

}  // namespace
}  // namespace octet
