// SPDX-License-Identifier: Apache-2.0
// The streams below are what `printf 'hello hello hello\n' | gzip -n` writes, and damaged copies of it.
#include "octet/data/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/library_message.h"

namespace octet {
namespace {

using test::ends_in_library_words;
using test::error_text;
using namespace std::string_literals;

const std::string kText = "hello hello hello\n";
const std::string kPacked =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57"
    "\xc8\x40\x90\x5c\x00\x3b\x7c\x8a\xdf\x12\x00\x00\x00"s;
constexpr std::uint64_t kPlenty = 1 << 20;

std::string unpacked(const std::string& bytes) { return unpack_gzip(bytes, "f", kPlenty); }
std::string error(const std::string& bytes, std::uint64_t max_bytes = kPlenty) {
  return error_text([&] { unpack_gzip(bytes, "f", max_bytes); });
}

TEST(UnpackGzip, UnpacksAStream) { EXPECT_EQ(unpacked(kPacked), kText); }

TEST(UnpackGzip, UnpacksAllMembers) { EXPECT_EQ(unpacked(kPacked + kPacked + kPacked), kText + kText + kText); }

TEST(UnpackGzip, PassesPlainBytesThrough) {
  EXPECT_EQ(unpacked("plain"), "plain");
  EXPECT_EQ(unpacked(""), "");
  EXPECT_EQ(unpacked("\x1f"), "\x1f");
}

TEST(UnpackGzip, KeepsTheLimitForBothForms) {
  EXPECT_EQ(unpack_gzip(kPacked, "f", kText.size()), kText);
  EXPECT_EQ(error(kPacked, kText.size() - 1), "f: more than the limit of 17 bytes when unpacked");
  EXPECT_EQ(error("plain", 4), "f: 5 bytes, more than the limit of 4");
}

TEST(UnpackGzip, SaysWhereATruncatedStreamEnds) {
  for (std::size_t size = 2; size < kPacked.size(); ++size)
    EXPECT_EQ(error(kPacked.substr(0, size)), "f: byte " + std::to_string(size) + ": the gzip stream ends early");
  EXPECT_EQ(error(kPacked + kPacked.substr(0, 12)),
            "f: byte " + std::to_string(kPacked.size() + 12) + ": the gzip stream ends early");
}

TEST(UnpackGzip, SaysWhereAStreamIsDamaged) {
  std::string bad_method = kPacked;
  bad_method[2] = 7;
  EXPECT_THAT(error(bad_method), ends_in_library_words("f: byte 4: damaged gzip stream ("));
  std::string bad_block = kPacked;
  bad_block[10] = '\x07';
  EXPECT_THAT(error(bad_block), ends_in_library_words("f: byte 11: damaged gzip stream ("));
  std::string bad_checksum = kPacked;
  bad_checksum[kPacked.size() - 5] ^= 1;
  EXPECT_THAT(error(bad_checksum),
              ends_in_library_words("f: byte " + std::to_string(kPacked.size() - 4) + ": damaged gzip stream ("));
}

TEST(UnpackGzip, RefusesWhatFollowsTheStream) {
  EXPECT_EQ(error(kPacked + "tail"),
            "f: byte " + std::to_string(kPacked.size()) + ": something else follows the gzip stream");
}

TEST(UnpackGzipStart, GivesTheFirstBytesOfBothForms) {
  EXPECT_EQ(unpack_gzip_start(kPacked, "f", 5), "hello");
  EXPECT_EQ(unpack_gzip_start(kPacked, "f", 100), kText);
  EXPECT_EQ(unpack_gzip_start(kPacked + "tail", "f", 5), "hello");
  EXPECT_EQ(unpack_gzip_start("plain", "f", 2), "pl");
}

const JudgeHeader kAnything = [](std::string_view, std::optional<std::uint64_t>) { return kPlenty; };

TEST(ReadGzipFile, UnpacksAFileAndNamesItInErrors) {
  const std::string path = testing::TempDir() + "/gzip_test.gz";
  write_file_atomically(path, kPacked);
  EXPECT_EQ(read_gzip_file(path, kPlenty, 4, kAnything), kText);
  write_file_atomically(path, kPacked.substr(0, 20));
  EXPECT_EQ(error_text([&] { read_gzip_file(path, kPlenty, 4, kAnything); }),
            path + ": byte 20: the gzip stream ends early");
  std::filesystem::remove(path);
}

TEST(ReadGzipFile, DoesNotReadWhatCannotFit) {
  const std::string path = testing::TempDir() + "/gzip_test_large.gz";
  write_file_atomically(path, "\x1f\x8b" + std::string(100000, 'x'));
  EXPECT_EQ(error_text([&] { read_gzip_file(path, 4, 4, kAnything); }),
            path + ": the file has 100002 bytes, more than the limit of 65540");
  write_file_atomically(path, "plain");
  EXPECT_EQ(error_text([&] { read_gzip_file(path, 4, 4, kAnything); }),
            path + ": the file has 5 bytes, more than the limit of 4");
  std::filesystem::remove(path);
}

TEST(ReadGzipFile, LetsTheHeaderSayHowMuchMayFollow) {
  const std::string path = testing::TempDir() + "/gzip_test_header.gz";
  for (const std::string& contents : {kPacked, kText}) {
    write_file_atomically(path, contents);
    const bool packed = contents == kPacked;
    const JudgeHeader judge = [&](std::string_view start, std::optional<std::uint64_t> size) {
      EXPECT_EQ(start, "hell");
      EXPECT_EQ(size, packed ? std::nullopt : std::optional<std::uint64_t>(kText.size()));
      return kText.size() - 1;
    };
    const std::string refused = path + ": more than the limit of 17 bytes when unpacked";
    EXPECT_EQ(error_text([&] { read_gzip_file(path, kPlenty, 4, judge); }), packed ? refused : "no error");
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace octet
