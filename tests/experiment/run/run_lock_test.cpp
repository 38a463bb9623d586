// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using detail::RunLock;
using test::error_text;
using test::fresh_path;

std::filesystem::path directory() {
  auto path = fresh_path();
  std::filesystem::create_directories(path);
  return path;
}

TEST(RunLock, SaysWhoHasTheDirectory) {
  const auto path = directory();
  const RunLock first(path);
  EXPECT_THAT(error_text([&] { RunLock second(path); }),
              testing::MatchesRegex(path.string() + ": the directory is in use by another run: process " +
                                    std::to_string(::getpid()) + " on .+, since 20.+Z"));
}

TEST(RunLock, EndsWithItsLifeAndLeavesNoFile) {
  const auto path = directory();
  { const RunLock first(path); }
  EXPECT_TRUE(std::filesystem::is_empty(path));
  const RunLock second(path);
}

TEST(RunLock, EndsWithItsProcess) {
  const auto path = directory();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunLock lock(path);
    [[maybe_unused]] const ssize_t told = ::write(ends[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_THAT(error_text([&] { RunLock second(path); }), testing::HasSubstr(std::to_string(child)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(std::filesystem::exists(path / "lock"));
  const RunLock second(path);
}

TEST(RunLock, IsNotInheritedByAFork) {
  const auto path = directory();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const RunLock lock(path);
    if (::fork() == 0) {  // the fork tells, when it has come so far
      const pid_t child = ::getpid();
      [[maybe_unused]] const ssize_t told = ::write(ends[1], &child, sizeof child);
    }
    for (;;) ::pause();
  }
  pid_t child = 0;
  ASSERT_EQ(::read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  EXPECT_THAT(error_text([&] { RunLock second(path); }), testing::HasSubstr(std::to_string(holder)));
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_EQ(error_text([&] { RunLock second(path); }), "no error");
  ::kill(child, SIGKILL);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(RunLock, StaysWhereAForkEnds) {
  const auto path = directory();
  std::optional<RunLock> lock(path);
  const pid_t child = ::fork();
  if (child == 0) {
    lock.reset();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(error_text([&] { RunLock second(path); }), testing::HasSubstr("in use"));
}

TEST(RunLock, FollowsNoLink) {
  const auto path = directory(), target = fresh_path("target");
  write_file_atomically(target, "precious");
  std::filesystem::create_symlink(target, path / "lock");
  EXPECT_THAT(error_text([&] { RunLock lock(path); }), testing::StartsWith((path / "lock").string() + ": cannot open"));
  EXPECT_EQ(read_file(target, 100), "precious");
}

}  // namespace
}  // namespace octet
