// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/core/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "support/error_text.h"
#include "support/float_mode.h"

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

TEST_P(Parallel, TasksRoundToNearestWhateverTheCallerDoes) {
  const float third = 1.0F / 3.0F, denormal = std::numeric_limits<float>::min() / 3.0F;
  for (const test::FloatMode mode : test::kFloatModes) {
    const test::FloatModeScope host(mode);
    std::vector<float> thirds(16), denormals(16);
    parallel_tasks(16, [&](std::int64_t i) {
      volatile float one = 1.0F, three = 3.0F, smallest = std::numeric_limits<float>::min();
      thirds[static_cast<std::size_t>(i)] = one / three;
      denormals[static_cast<std::size_t>(i)] = smallest / three;
    });
    EXPECT_THAT(thirds, Each(third)) << name_of(mode);
    EXPECT_THAT(denormals, Each(denormal)) << name_of(mode);
  }
}

// What a child of fork() finds, by its exit status.
template <typename F>
int status_of_child(const F& child) {
  const pid_t process = fork();
  if (process == 0) {
    alarm(30);
    _exit(child());
  }
  int status = 0;
  waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_P(Parallel, GoesOnInAForkedChildAndInItsParent) {
  const auto add_up = [] {
    std::atomic<int> sum = 0;
    parallel_tasks(100, [&](std::int64_t i) {
      const Buffer scratch(1000);
      sum += static_cast<int>(i);
    });
    return sum == 4950 && num_threads() == GetParam() ? 0 : 1;
  };
  EXPECT_EQ(add_up(), 0);
  EXPECT_EQ(status_of_child([&] { return add_up() + status_of_child(add_up); }), 0);
  EXPECT_EQ(add_up(), 0);
}

TEST(Fork, LeavesThePoolOfMemoryUnlocked) {
  std::atomic<bool> stop = false;
  std::jthread other([&] {  // is in the pool most of the time
    while (!stop) const Buffer buffer(1000);
  });
  int failed = 0;
  for (int i = 0; i < 50; ++i) failed += status_of_child([] { return Buffer(1000).data() ? 0 : 1; }) != 0;
  stop = true;
  EXPECT_EQ(failed, 0);
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
