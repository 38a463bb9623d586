// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

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

TEST_F(AtomicFileTest, ReplacesWhatALinkPointsTo) {
  fs::create_directories(at("folder"));
  write_file_atomically(at("folder/target"), "old");
  fs::create_symlink("target", at("folder/second"));
  fs::create_symlink("folder/second", at("first"));
  fs::create_symlink("folder/new", at("dangling"));
  write_file_atomically(at("first"), "new");
  write_file_atomically(at("dangling"), "made");
  EXPECT_EQ(read_file(at("folder/target"), 10), "new");
  EXPECT_EQ(read_file(at("folder/new"), 10), "made");
  for (const char* const link : {"first", "dangling", "folder/second"}) EXPECT_TRUE(fs::is_symlink(at(link))) << link;
  EXPECT_THAT(names(), testing::UnorderedElementsAre("dangling", "first", "folder"));

  fs::create_symlink("loop", at("loop"));
  EXPECT_EQ(error_text([&] { write_file_atomically(at("loop"), "x"); }),
            message("loop", ": cannot create: Too many levels of symbolic links"));
}

// Through links: should the code be wrong again, it shall not replace the devices of the machine.
TEST_F(AtomicFileTest, WritesToDevicesAsTheyAre) {
  fs::create_symlink("/dev/null", at("null"));
  fs::create_symlink("/dev/full", at("full"));
  write_file_atomically(at("null"), "x");
  EXPECT_EQ(error_text([&] { write_file_atomically(at("full"), "x"); }),
            message("full", ": cannot write: No space left on device"));
  for (const char* const name : {"null", "full"}) EXPECT_TRUE(fs::is_character_file(at(name))) << name;
  EXPECT_THAT(names(), testing::UnorderedElementsAre("null", "full"));
}

TEST_F(AtomicFileTest, WritesToAPipeThatSomebodyReads) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_text([&] { write_file_atomically(at("pipe"), "x"); }),
            message("pipe", ": cannot write: nobody reads from this pipe"));
  const int reader = ::open(at("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  write_file_atomically(at("pipe"), "through");
  char bytes[10];
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 7);
  EXPECT_EQ(std::string_view(bytes, 7), "through");
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(at("pipe")));
}

TEST_F(AtomicFileTest, RefusesSockets) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);  // a socket's path may not be long
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = "socket"};
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(error_text([&] { write_file_atomically("socket", "x"); }),
            "socket: cannot write: it is a socket, and only regular files, pipes and character devices are written");
  ::close(socket);
  fs::current_path(before);
}

// The number of a process that is dead.
std::string dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return std::to_string(child);
}

TEST_F(AtomicFileTest, RemovesWhatKilledProcessesLeft) {
  const std::string dead = dead_process(), alive = std::to_string(::getppid());
  const std::vector<std::string> kept = {"a.tmp." + alive, "a.tmp.x", "a.tmp.", "b.tmp." + dead, "tmp." + dead};
  for (const std::string& name : kept) std::ofstream(at(name)) << "kept";
  std::ofstream(at("a.tmp." + dead)) << "half";
  write_file_atomically(at("a"), "new");
  EXPECT_EQ(read_file(at("a"), 10), "new");
  std::vector<std::string> expected = kept;
  expected.push_back("a");
  EXPECT_THAT(names(), testing::UnorderedElementsAreArray(expected));

  remove_stale_temporaries(folder_);
  std::erase(expected, "b.tmp." + dead);
  EXPECT_THAT(names(), testing::UnorderedElementsAreArray(expected));
  remove_stale_temporaries(at("none"));  // is no error
}

TEST_F(AtomicFileTest, LeavesAloneWhatAWriterHolds) {
  // As a writer in another container has it: its number means nothing here.
  const fs::path temporary = at("a.tmp." + dead_process());
  std::ofstream(temporary) << "half";
  const int writer = ::open(temporary.c_str(), O_WRONLY);
  ASSERT_EQ(::flock(writer, LOCK_EX), 0);
  remove_stale_temporaries(folder_);
  EXPECT_TRUE(fs::exists(temporary));
  ::close(writer);
  remove_stale_temporaries(folder_);
  EXPECT_FALSE(fs::exists(temporary));
}

TEST_F(AtomicFileTest, RefusesASecondWriter) {
  AtomicFile first(at("a"));
  first.write("first");
  EXPECT_EQ(error_text([&] { AtomicFile second(at("a")); }),
            message("a", ": cannot create: somebody else is writing a.tmp." + std::to_string(::getpid())));
  first.commit();
  EXPECT_EQ(read_file(at("a"), 10), "first");
}

}  // namespace
}  // namespace octet
