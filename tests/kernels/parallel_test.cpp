// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet::kernels {
namespace {

using testing::Each;
using testing::ElementsAre;

class Parallel : public testing::TestWithParam<int> {
 protected:
  Parallel() : before_(num_threads()) { set_num_threads(GetParam()); }
  ~Parallel() override { set_num_threads(before_); }

 private:
  int before_;
};

TEST_P(Parallel, RunsEachTaskOnce) {
  EXPECT_EQ(num_threads(), GetParam());
  for (const std::int64_t count : {0, 1, 2, 3, 7, 8, 9, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
    parallel_tasks(count, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
    EXPECT_TRUE(std::ranges::all_of(runs, [](const auto& n) { return n == 1; })) << count << " tasks";
  }
}

TEST_P(Parallel, RunsNestedTasksInTheirThread) {
  std::vector<int> sums(5, 0);  // not atomic: each belongs to one outer task
  parallel_tasks(
      5, [&](std::int64_t i) { parallel_tasks(100, [&](std::int64_t) { ++sums[static_cast<std::size_t>(i)]; }); });
  EXPECT_THAT(sums, Each(100));
}

TEST_P(Parallel, PassesOnAnException) {
  std::atomic<int> runs = 0;
  const std::string message = test::error_text([&] {
    parallel_tasks(16, [&](std::int64_t i) {
      ++runs;
      require(i != 15, "the last task fails");
    });
  });
  EXPECT_EQ(message, "the last task fails");
  EXPECT_EQ(runs, 16);
}

TEST_P(Parallel, ErrorsSayWhereTheCallerIs) {
  const ContextScope layer("layer1");
  for (const std::int64_t failing : {0, 15}) {  // of the calling thread, and of the last one
    const std::string message = test::error_text(
        [&] { parallel_tasks(16, [&](std::int64_t i) { require(i != failing, "task ", i, " fails"); }); });
    EXPECT_EQ(message, text("layer1: task ", failing, " fails"));
  }
}

TEST_P(Parallel, CoversARangeByItsChunks) {
  std::vector<int> visits(1003, 0);
  parallel_range(1003, 10, [&](std::int64_t begin, std::int64_t end) {
    EXPECT_LE(end - begin, 10);
    for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
  });
  EXPECT_THAT(visits, Each(1));
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 3, 8));

TEST(Chunks, CutARangeEvenlyButForTheLast) {
  const Chunks chunks{10, 4};
  std::vector<std::pair<std::int64_t, std::int64_t>> cuts;
  for (std::int64_t i = 0; i < chunks.count(); ++i) cuts.emplace_back(chunks.begin(i), chunks.end(i));
  EXPECT_THAT(cuts, ElementsAre(std::pair(0, 4), std::pair(4, 8), std::pair(8, 10)));
  EXPECT_EQ((Chunks{0, 4}).count(), 0);
  EXPECT_EQ((Chunks{8, 4}).count(), 2);
}

TEST(SetNumThreads, RejectsLessThanOne) {
  EXPECT_EQ(test::error_text([] { set_num_threads(0); }), "set_num_threads: count must be at least 1, got 0");
}

}  // namespace
}  // namespace octet::kernels
