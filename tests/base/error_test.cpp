// SPDX-License-Identifier: Apache-2.0
#include "octet/base/error.h"

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>

#include "octet/base/shape.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

TEST(Error, JoinsItsPartsAndPrintsShapes) {
  EXPECT_EQ(error_text([] {
              fail("conv2d: x ", Shape{8, 32, 56, 56}, ", groups ", 3, " ", 0.5);
            }),
            "conv2d: x [8, 32, 56, 56], groups 3 0.5");
  EXPECT_EQ(text(Shape{}, ' ', Size2(3, 5)), "[] 3x5");
}

TEST(Error, RequireThrowsOnlyWhenTheRuleIsBroken) {
  EXPECT_EQ(error_text([] { require(true, "never said"); }), "no error");
  EXPECT_EQ(error_text([] { require(false, "groups divide channels"); }), "groups divide channels");
}

TEST(Error, SaysNothingThatATerminalWouldObey) {
  const ContextScope node("\x1B[2Jconv\n");
  EXPECT_EQ(error_text([] { fail("class \x1B]0;owned\x07, line\nbreak \xC2\x9B\xFF"); }),
            "\\x1b[2Jconv\\x0a: class \\x1b]0;owned\\x07, line\nbreak \\u009b\\xff");
  EXPECT_STREQ(Error("\x1B[0m").what(), "\\x1b[0m");
}

TEST(Error, StartsWithPartsOfLongNamesOnly) {
  const std::string name(100'000, 'n');
  const ContextScope node(name);
  EXPECT_EQ(error_text([] { fail("no"); }).size(), std::string("... (100000 characters): no").size() + 200);
}

TEST(ContextScope, StartsMessagesWithThePathOfLiveScopes) {
  const ContextScope layer("layer2");
  const ContextScope nameless("");
  {
    const ContextScope block("0");
    EXPECT_EQ(ContextScope::path(), "layer2.0");
    EXPECT_EQ(error_text([] { fail("relu: no"); }), "layer2.0: relu: no");
  }
  EXPECT_EQ(error_text([] { fail("relu: no"); }), "layer2: relu: no");
}

TEST(ContextScope, EndsWhenAnErrorUnwindsIt) {
  EXPECT_EQ(error_text([] {
              const ContextScope layer("fc");
              fail("linear: no");
            }),
            "fc: linear: no");
  EXPECT_EQ(ContextScope::path(), "");
}

TEST(ContextScope, BelongsToItsThread) {
  const ContextScope layer("layer1");
  std::string other = "not run";
  std::thread([&] { other = ContextScope::path(); }).join();
  EXPECT_EQ(other, "");
}

std::exception_ptr thrown_in_a_thread(const std::function<void()>& run) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      run();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  return failure;
}

TEST(RethrowFromThread, StartsAnErrorWithThePathOfThisThread) {
  const ContextScope layer("layer1");
  const std::exception_ptr failure = thrown_in_a_thread([] {
    const ContextScope task("task");
    fail("out of memory");
  });
  EXPECT_EQ(error_text([&] { rethrow_from_thread(failure); }), "layer1: task: out of memory");
}

TEST(RethrowFromThread, LeavesOtherExceptionsAsTheyAre) {
  const std::exception_ptr failure = thrown_in_a_thread([] { throw std::out_of_range("no Error"); });
  EXPECT_THROW(rethrow_from_thread(failure), std::out_of_range);
}

}  // namespace
}  // namespace octet
