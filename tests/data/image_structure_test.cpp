// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_structure.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

std::string sample(const std::string& name) {
  return read_file(std::string(OCTET_TEST_DATA) + "/images/" + name, 1 << 20);
}

std::string png_error(const std::string& bytes) {
  return error_text([&] { check_png_structure(bytes, "a.png"); });
}
std::string jpeg_error(const std::string& bytes) {
  return error_text([&] { check_jpeg_structure(bytes, "a.jpg"); });
}

TEST(ImageStructure, AcceptsWholeFilesAndLeavesOtherFormatsAlone) {
  for (const char* name : {"rgb.png", "grey.jpg", "progressive.jpg", "rgb.bmp"}) {
    EXPECT_EQ(png_error(sample(name)), "no error") << name;
    EXPECT_EQ(jpeg_error(sample(name)), "no error") << name;
  }
}

TEST(ImageStructure, AcceptsWhatFollowsTheEnd) {
  EXPECT_EQ(png_error(sample("rgb.png") + "trailing"), "no error");
  EXPECT_EQ(jpeg_error(sample("rgb.jpg") + "trailing"), "no error");
}

TEST(ImageStructure, SaysWhereAPngIsDamaged) {
  const std::string whole = sample("rgb.png");
  std::string damaged = whole;
  damaged[45] ^= 1;
  EXPECT_EQ(png_error(damaged), "a.png: byte 33: damaged PNG, the checksum of a chunk does not match");
  EXPECT_EQ(png_error(whole.substr(0, 60)), "a.png: byte 33: truncated PNG, a chunk of 44 bytes but only 15 are left");
  EXPECT_EQ(png_error(whole.substr(0, whole.size() - 12)), "a.png: byte 89: truncated PNG, a chunk is missing");
  std::string endless = whole;
  endless.replace(33, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(png_error(endless), "a.png: byte 33: truncated PNG, a chunk of 4294967295 bytes but only 56 are left");
}

TEST(ImageStructure, SaysWhereAJpegIsDamaged) {
  const std::string whole = sample("rgb.jpg");
  EXPECT_EQ(jpeg_error("\xff"), "a.jpg: byte 0: damaged JPEG, its start is not FF D8");
  EXPECT_EQ(jpeg_error("\xff" + whole), "a.jpg: byte 0: damaged JPEG, its start is not FF D8");
  EXPECT_EQ(jpeg_error("\xff\xd8"), "a.jpg: byte 2: truncated JPEG, its end is missing");
  EXPECT_EQ(jpeg_error(whole.substr(0, 700)), "a.jpg: byte 700: truncated JPEG, its end is missing");
  EXPECT_EQ(jpeg_error(whole.substr(0, 10)),
            "a.jpg: byte 4: truncated JPEG, a segment of 16 bytes but only 6 are left");
  std::string no_length = whole;
  no_length.replace(4, 2, std::string(2, '\0'));
  EXPECT_EQ(jpeg_error(no_length), "a.jpg: byte 4: damaged JPEG, a segment of 0 bytes");
}

// A JPEG as far as its segments go: one frame header and one scan around `segment`.
std::string jpeg_with(unsigned char marker, const std::string& segment) {
  const std::size_t length = segment.size() + 2;
  return "\xff\xd8\xff" + std::string(1, static_cast<char>(marker)) + static_cast<char>(length >> 8) +
         static_cast<char>(length) + segment + std::string("\xff\xc0\0\2\xff\xda\0\2\xff\xd9", 10);
}

TEST(ImageStructure, RefusesHuffmanTablesThatTheDecoderCannotHold) {
  const auto with_counts = [](unsigned char first, unsigned char second) {
    std::string table(17, '\0');
    table[8] = static_cast<char>(first), table[9] = static_cast<char>(second);
    return table + std::string(std::size_t{first} + second, '\x01');
  };
  const auto error = [](const std::string& tables) { return jpeg_error(jpeg_with(0xC4, tables)); };
  EXPECT_EQ(error(with_counts(200, 55)), "no error");
  EXPECT_EQ(error(with_counts(200, 55) + with_counts(0, 3)), "no error");
  EXPECT_EQ(error(with_counts(200, 56)), "a.jpg: byte 6: damaged JPEG, a Huffman table with too many codes (256)");
  EXPECT_EQ(error(with_counts(1, 0) + with_counts(255, 255)),
            "a.jpg: byte 24: damaged JPEG, a Huffman table with too many codes (510)");
  EXPECT_EQ(error(std::string(16, '\0')), "a.jpg: byte 6: damaged JPEG, a Huffman table is cut off");
  EXPECT_EQ(error(with_counts(9, 9).substr(0, 30)),
            "a.jpg: byte 6: damaged JPEG, a Huffman table with too many codes (18)");
  EXPECT_EQ(error('\0' + std::string("\3", 1) + std::string(15, '\0') + "\1\2\3"),
            "a.jpg: byte 6: damaged JPEG, a Huffman table with too many codes (3)")
      << "three codes of one bit";
  EXPECT_EQ(error("\x55" + std::string(16, '\0')),
            "a.jpg: byte 6: damaged JPEG, a Huffman table of kind 5 with number 5");
}

// The decoder stops at these, and newer versions take what they have by then for the image.
TEST(ImageStructure, RefusesSegmentsThatTheDecoderStopsAt) {
  const std::string table(65, '\1');
  EXPECT_EQ(jpeg_error(jpeg_with(0xDB, table + table)), "no error");
  EXPECT_EQ(jpeg_error(jpeg_with(0xDB, table + "\x21" + table)),
            "a.jpg: byte 71: damaged JPEG, a quantization table of kind 2 with number 1");
  EXPECT_EQ(jpeg_error(jpeg_with(0xDB, table + table.substr(1))),
            "a.jpg: byte 71: damaged JPEG, a quantization table is cut off");
  EXPECT_EQ(jpeg_error(jpeg_with(0xDD, "\1\1")), "no error");
  EXPECT_EQ(jpeg_error(jpeg_with(0xDD, "\1\1\1")), "a.jpg: byte 4: damaged JPEG, a restart interval of 5 bytes");
  EXPECT_EQ(jpeg_error(jpeg_with(0xC7, "")), "a.jpg: byte 2: damaged JPEG, a segment of the unknown kind 199");
  EXPECT_EQ(jpeg_error(jpeg_with(0xC1, "")), "a.jpg: byte 14: damaged JPEG, ends after 2 frame headers and 1 scans");
  EXPECT_EQ(jpeg_error("\xff\xd8\xff\xd9"), "a.jpg: byte 2: damaged JPEG, ends after 0 frame headers and 0 scans");
}

}  // namespace
}  // namespace octet
