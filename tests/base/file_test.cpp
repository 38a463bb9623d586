// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "support/error_text.h"
#include "support/file_size_limit.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using test::FileSizeLimit;

/// An empty folder of its own for every test.
class FileTest : public testing::Test {
 protected:
  FileTest() {
    folder_ = fs::path(testing::TempDir()) / ("octet_file_" + std::to_string(::getpid()) + "_" +
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~FileTest() override { fs::remove_all(folder_); }

  fs::path at(const std::string& name) const { return folder_ / name; }
  std::string message(const std::string& name, const std::string& rest) const { return at(name).string() + rest; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  fs::path folder_;
};

using ReadFile = FileTest;
using AtomicFileTest = FileTest;

TEST_F(ReadFile, GivesAllBytes) {
  for (std::size_t size : {0, 1, 4096, 4097, 100000}) {
    std::string contents(size, 'x');
    if (size > 1) contents[size / 2] = '\0';
    write_file_atomically(at("a"), contents);
    EXPECT_EQ(read_file(at("a"), size), contents);
  }
}

TEST_F(ReadFile, RefusesLongFilesBeforeReadingThem) {
  write_file_atomically(at("a"), "0123456789");
  EXPECT_EQ(error_text([&] { read_file(at("a"), 9); }),
            message("a", ": the file has 10 bytes, more than the limit of 9"));
  fs::resize_file(at("a"), std::uintmax_t{1} << 40);  // a hole of a terabyte: to read it would take forever
  EXPECT_EQ(error_text([&] { read_file(at("a"), 1 << 20); }),
            message("a", ": the file has 1099511627776 bytes, more than the limit of 1048576"));
}

TEST_F(ReadFile, KeepsTheLimitForFilesWithoutASize) {
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).empty());
  EXPECT_EQ(error_text([] { read_file("/proc/self/status", 10); }),
            "/proc/self/status: the file has more bytes than the limit of 10");
  EXPECT_EQ(error_text([] { read_file("/dev/zero", 100000); }),
            "/dev/zero: the file has more bytes than the limit of 100000");
}

TEST_F(ReadFile, ReadsPipesToTheirEnd) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  const std::string contents(200000, 'p');
  std::thread writer([&] {
    std::FILE* pipe = std::fopen(at("pipe").c_str(), "w");
    std::fwrite(contents.data(), 1, contents.size(), pipe);
    std::fclose(pipe);
  });
  EXPECT_EQ(read_file(at("pipe"), 1 << 20), contents);
  writer.join();
}

TEST_F(ReadFile, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(error_text([&] { read_file(at("none"), 10); }),
            message("none", ": cannot open: No such file or directory"));
  EXPECT_EQ(error_text([&] { read_file(folder_, 10); }), folder_.string() + ": cannot read: Is a directory");
}

TEST_F(AtomicFileTest, AppearsOnlyWhenItIsWhole) {
  write_file_atomically(at("a"), "old");
  AtomicFile file(at("a"));
  file.write("ne");
  file.write("w");
  EXPECT_EQ(read_file(at("a"), 10), "old");
  EXPECT_THAT(names(), testing::UnorderedElementsAre("a", "a.tmp." + std::to_string(::getpid())));
  file.commit();
  EXPECT_EQ(read_file(at("a"), 10), "new");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
}

TEST_F(AtomicFileTest, LeavesNothingWithoutACommit) {
  write_file_atomically(at("a"), "old");
  AtomicFile(at("a")).write("new");
  EXPECT_EQ(read_file(at("a"), 10), "old");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
}

TEST_F(AtomicFileTest, KeepsTheOldFileWhenTheDiskIsFull) {
  write_file_atomically(at("a"), "old");
  {
    const FileSizeLimit limit(100000);
    EXPECT_EQ(error_text([&] { write_file_atomically(at("a"), std::string(100001, 'x')); }),
              message("a", ": cannot write: File too large"));
    AtomicFile file(at("a"));
    file.write(std::string(100000, 'x'));
    EXPECT_EQ(error_text([&] { file.write("y"); }), message("a", ": cannot write: File too large"));
    EXPECT_THAT(names(), testing::ElementsAre("a"));
    EXPECT_EQ(error_text([&] { file.commit(); }), message("a", ": commit: the file is committed or has failed"));
    EXPECT_EQ(error_text([&] { file.write("y"); }), message("a", ": write: the file is committed or has failed"));
  }
  EXPECT_EQ(read_file(at("a"), 10), "old");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
}

TEST_F(AtomicFileTest, SaysWhyItCannotBeCreatedOrReplaced) {
  EXPECT_EQ(error_text([&] { write_file_atomically(at("none/a"), "x"); }),
            message("none/a", ": cannot create: No such file or directory"));
  fs::create_directories(at("folder"));
  EXPECT_EQ(error_text([&] { write_file_atomically(at("folder"), "x"); }),
            message("folder", ": cannot replace: Is a directory"));
  EXPECT_THAT(names(), testing::ElementsAre("folder"));
}

TEST_F(AtomicFileTest, ReplacesAStaleTemporaryAndFollowsNoLink) {
  write_file_atomically(at("precious"), "precious");
  fs::create_symlink(at("precious"), at("a.tmp." + std::to_string(::getpid())));
  write_file_atomically(at("a"), "new");
  EXPECT_EQ(read_file(at("a"), 10), "new");
  EXPECT_EQ(read_file(at("precious"), 10), "precious");
}

TEST_F(AtomicFileTest, TakesNamesInTheWorkingDirectory) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_file_atomically("plain", "x");
  fs::current_path(before);
  EXPECT_EQ(read_file(at("plain"), 10), "x");
}

}  // namespace
}  // namespace octet
