// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/core/recent.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet::kernels {
namespace {

using Answers = RecentAnswers<int, std::string, std::hash<int>>;

TEST(RecentAnswers, AreFoundOnce) {
  Answers answers(10);
  int found = 0;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*answers.get(7, [&] { return std::to_string(++found); }), "1");
}

TEST(RecentAnswers, ThatHaveNotBeenAskedForLongestGo) {
  Answers answers(2);
  int found = 0;
  const auto ask = [&](int key) { return answers.get(key, [&] { return std::to_string(++found); }); };
  const auto first = ask(1);
  ask(2);
  ask(1);
  ask(3);  // 2 goes
  EXPECT_EQ(*ask(1), "1");
  EXPECT_EQ(*ask(2), "4");  // 3 goes
  EXPECT_EQ(*ask(3), "5");  // 1 goes
  EXPECT_EQ(*ask(1), "6");
  EXPECT_EQ(*first, "1") << "who holds it may use it";
}

TEST(RecentAnswers, AreAskedForAgainAfterAnError) {
  Answers answers(10);
  EXPECT_EQ(test::error_text([&] { answers.get(1, []() -> std::string { fail("not now"); }); }), "not now");
  EXPECT_EQ(*answers.get(1, [] { return std::string("now"); }), "now");
}

TEST(RecentAnswers, OfOneKeyAreWaitedForAndOfOthersNot) {
  Answers answers(10);
  std::atomic<int> found = 0;
  std::latch begun(1), other_done(1);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    answers.get(1, [&] {
      begun.count_down();
      other_done.wait();  // forever, if the other key had to wait for this one
      return std::to_string(++found);
    });
  });
  begun.wait();
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { EXPECT_EQ(*answers.get(1, [&] { return std::to_string(++found); }), "1"); });
  EXPECT_EQ(*answers.get(2, [] { return std::string("two"); }), "two");
  other_done.count_down();
}

}  // namespace
}  // namespace octet::kernels
