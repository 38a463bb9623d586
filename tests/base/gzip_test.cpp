// SPDX-License-Identifier: Apache-2.0
// The streams below are what `printf 'hello hello hello\n' | gzip -n` writes, and damaged copies of it.
#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;
using namespace std::string_literals;

const std::string kText = "hello hello hello\n";
const std::string kPacked =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57"
    "\xc8\x40\x90\x5c\x00\x3b\x7c\x8a\xdf\x12\x00\x00\x00"s;

/// Writes a file and reads it back through read_gzip_file.
class GzipFile {
 public:
  explicit GzipFile(const std::string& contents)
      : path_(testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".gz") {
    write_file_atomically(path_, contents);
  }
  ~GzipFile() { std::filesystem::remove(path_); }

  std::string read(std::uint64_t max_bytes = 1 << 20) const { return read_gzip_file(path_, max_bytes); }
  /// The message without the path.
  std::string error(std::uint64_t max_bytes = 1 << 20) const {
    const std::string message = error_text([&] { read(max_bytes); });
    return message.starts_with(path_) ? message.substr(path_.size()) : message;
  }

 private:
  std::string path_;
};

TEST(ReadGzipFile, UnpacksAStream) { EXPECT_EQ(GzipFile(kPacked).read(), kText); }

TEST(ReadGzipFile, UnpacksAllMembers) {
  EXPECT_EQ(GzipFile(kPacked + kPacked + kPacked).read(), kText + kText + kText);
}

TEST(ReadGzipFile, PassesPlainFilesThrough) {
  EXPECT_EQ(GzipFile("plain").read(), "plain");
  EXPECT_EQ(GzipFile("").read(), "");
  EXPECT_EQ(GzipFile("\x1f").read(), "\x1f");
}

TEST(ReadGzipFile, KeepsTheLimitForBothForms) {
  EXPECT_EQ(GzipFile(kPacked).read(kText.size()), kText);
  EXPECT_EQ(GzipFile(kPacked).error(kText.size() - 1), ": more than the limit of 17 bytes when unpacked");
  EXPECT_EQ(GzipFile("plain").error(4), ": the file has 5 bytes, more than the limit of 4");
  EXPECT_EQ(GzipFile(std::string(100000, 'x')).error(4), ": the file has 100000 bytes, more than the limit of 65540");
}

TEST(ReadGzipFile, SaysWhereATruncatedStreamEnds) {
  for (std::size_t size = 2; size < kPacked.size(); ++size)
    EXPECT_EQ(GzipFile(kPacked.substr(0, size)).error(),
              ": byte " + std::to_string(size) + ": the gzip stream ends early");
  EXPECT_EQ(GzipFile(kPacked + kPacked.substr(0, 12)).error(),
            ": byte " + std::to_string(kPacked.size() + 12) + ": the gzip stream ends early");
}

TEST(ReadGzipFile, SaysWhereAStreamIsDamaged) {
  std::string bad_method = kPacked;
  bad_method[2] = 7;
  EXPECT_EQ(GzipFile(bad_method).error(), ": byte 4: damaged gzip stream (unknown compression method)");
  std::string bad_block = kPacked;
  bad_block[10] = '\x07';
  EXPECT_EQ(GzipFile(bad_block).error(), ": byte 11: damaged gzip stream (invalid block type)");
  std::string bad_checksum = kPacked;
  bad_checksum[kPacked.size() - 5] ^= 1;
  EXPECT_EQ(GzipFile(bad_checksum).error(),
            ": byte " + std::to_string(kPacked.size() - 4) + ": damaged gzip stream (incorrect data check)");
}

TEST(ReadGzipFile, RefusesWhatFollowsTheStream) {
  EXPECT_EQ(GzipFile(kPacked + "tail").error(),
            ": byte " + std::to_string(kPacked.size()) + ": something else follows the gzip stream");
}

}  // namespace
}  // namespace octet
