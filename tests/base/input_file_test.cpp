// SPDX-License-Identifier: Apache-2.0
#include "octet/base/input_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "octet/base/file.h"
#include "support/address_space_limit.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

std::string error_of(const std::string& path) {
  return error_text([&] { InputFile file(path); });
}

TEST(InputFile, ReadsInPiecesUntilTheEnd) {
  const std::string path = testing::TempDir() + "/octet_input_file";
  write_file_atomically(path, "0123456789");
  InputFile file(path);
  EXPECT_EQ(file.reported_size(), 10U);
  std::vector<std::byte> buffer(7);
  EXPECT_EQ(file.read(buffer), 7U);
  EXPECT_EQ(file.bytes(1, 3), "123");
  EXPECT_EQ(file.bytes(10, 0), "");
  EXPECT_EQ(file.read(buffer), 3U);
  EXPECT_EQ(static_cast<char>(buffer[0]), '7');
  EXPECT_EQ(file.read(buffer), 0U);
}

TEST(InputFile, SaysThatAFileHasBecomeShorter) {
  const std::string path = testing::TempDir() + "/octet_shorter_file";
  write_file_atomically(path, "0123456789");
  const InputFile file(path);
  std::filesystem::resize_file(path, 4);
  EXPECT_EQ(error_text([&] { file.bytes(2, 8); }), path + ": byte 4: the file has become shorter");
}

#ifndef __SANITIZE_ADDRESS__  // which ends a program whose `new` finds no memory
TEST(InputFile, NamesTheFileThatMemoryIsNotEnoughFor) {
  const std::string path = testing::TempDir() + "/octet_large_file";
  write_file_atomically(path, "0123456789");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 30);  // a hole
  const InputFile file(path);
  const test::AddressSpaceLimit limit(64 << 20);
  EXPECT_EQ(error_text([&] { file.bytes(0, 1 << 30); }), path + ": not enough memory for 1073741824 bytes of it");
  EXPECT_EQ(error_text([&] { read_file(path, 1 << 30); }), path + ": not enough memory for 1073741825 bytes of it");
  std::filesystem::remove(path);
}
#endif

TEST(InputFile, ReportsNoSizeForProc) { EXPECT_EQ(InputFile("/proc/self/status").reported_size(), 0U); }

TEST(InputFile, RefusesWhatIsNoRegularFileWithoutWaiting) {
  EXPECT_EQ(error_of("/proc"), "/proc: cannot read: Is a directory");
  EXPECT_EQ(error_of("/dev/zero"), "/dev/zero: cannot read: it is a character device, and only regular files are read");
  const std::string pipe = testing::TempDir() + "/octet_input_pipe";
  ::unlink(pipe.c_str());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error_of(pipe), pipe + ": cannot read: it is a pipe, and only regular files are read");
}

}  // namespace
}  // namespace octet
