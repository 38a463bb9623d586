// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/file_size_limit.h"
#include "support/tiny_experiment.h"

namespace octet {
namespace {

using detail::RunLog;
using test::error_text;
using test::fresh_path;

TEST(RunLog, AppendsLines) {
  const auto path = fresh_path("log.jsonl");
  RunLog log(path, 0);
  log.append(Document::map({{"step", 1}}));
  log.append(Document::map({{"step", 2}}));
  EXPECT_EQ(read_file(path, 1000), "{\"step\": 1}\n{\"step\": 2}\n");
  EXPECT_EQ(log.bytes(), 24U);
}

TEST(RunLog, CutsWhatWillBeWrittenAgain) {
  const auto path = fresh_path("log.jsonl");
  write_file_atomically(path, "{\"step\": 1}\n{\"step\": 2}\n{\"st");
  RunLog log(path, 12);
  log.append(Document::map({{"step", 3}}));
  EXPECT_EQ(read_file(path, 1000), "{\"step\": 1}\n{\"step\": 3}\n");
}

TEST(RunLog, GoesOnBehindTheLastWholeLineOfALogThatLostSome) {
  const auto path = fresh_path("log.jsonl");
  write_file_atomically(path, "{\"step\": 1}\n{\"st");
  RunLog log(path, 100);
  EXPECT_EQ(log.bytes(), 12U);
  log.append(Document::map({{"step", 2}}));
  EXPECT_EQ(read_file(path, 1000), "{\"step\": 1}\n{\"step\": 2}\n");
}

TEST(RunLog, LosesAllOfALogWithoutALineEnd) {
  const auto path = fresh_path("log.jsonl");
  write_file_atomically(path, std::string(10000, 'x'));
  EXPECT_EQ(RunLog(path, 20000).bytes(), 0U);
}

TEST(RunLog, DoesNotFollowLinks) {
  const auto path = fresh_path("log.jsonl"), target = fresh_path("target");
  write_file_atomically(target, "precious");
  std::filesystem::create_symlink(target, path);
  EXPECT_EQ(error_text([&] { RunLog(path, 0); }), path.string() + ": cannot open for writing: it is a link");
  EXPECT_EQ(read_file(target, 1000), "precious");
}

TEST(RunLog, WritesToRegularFilesOnly) {
  const auto path = fresh_path("log.jsonl");
  ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
  EXPECT_EQ(error_text([&] { RunLog(path, 0); }), path.string() + ": cannot open for writing: it is no regular file");
}

TEST(RunLog, RefusesAPathThatCannotBeWritten) {
  const auto path = fresh_path("none") / "log.jsonl";
  EXPECT_EQ(error_text([&] { RunLog(path, 0); }),
            path.string() + ": cannot open for writing: No such file or directory");
}

TEST(RunLog, EndsWithAWholeLineWhenTheDiskIsFull) {
  const auto path = fresh_path("log.jsonl");
  RunLog log(path, 0);
  log.append(Document::map({{"step", 1}}));
  {
    const test::FileSizeLimit limit(20);
    EXPECT_EQ(error_text([&] {
                log.append(Document::map({{"step", 2}}));
              }),
              path.string() + ": cannot write: File too large");
  }
  EXPECT_EQ(read_file(path, 1000), "{\"step\": 1}\n");
  log.append(Document::map({{"step", 3}}));
  EXPECT_EQ(read_file(path, 1000), "{\"step\": 1}\n{\"step\": 3}\n");
}

}  // namespace
}  // namespace octet
