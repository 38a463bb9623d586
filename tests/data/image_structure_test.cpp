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

TEST(ImageStructure, RefusesHuffmanTablesThatTheDecoderCannotHold) {
  const std::string start = "\xff\xd8\xff\xc4", end = "\xff\xd9";
  const auto with_counts = [](unsigned char first, unsigned char second) {
    std::string table(17, '\0');
    table[8] = static_cast<char>(first), table[9] = static_cast<char>(second);
    return table + std::string(std::size_t{first} + second, '\x01');
  };
  const auto segment = [&](const std::string& tables) {
    const std::size_t length = tables.size() + 2;
    return start + static_cast<char>(length >> 8) + static_cast<char>(length) + tables + end;
  };
  EXPECT_EQ(jpeg_error(segment(with_counts(200, 55))), "no error");
  EXPECT_EQ(jpeg_error(segment(with_counts(200, 55) + with_counts(0, 3))), "no error");
  EXPECT_EQ(jpeg_error(segment(with_counts(200, 56))),
            "a.jpg: byte 6: damaged JPEG, a Huffman table with too many codes (256)");
  EXPECT_EQ(jpeg_error(segment(with_counts(1, 0) + with_counts(255, 255))),
            "a.jpg: byte 24: damaged JPEG, a Huffman table with too many codes (510)");
  EXPECT_EQ(jpeg_error(segment(std::string(16, '\0'))), "a.jpg: byte 6: damaged JPEG, a Huffman table is cut off");
  EXPECT_EQ(jpeg_error(segment(with_counts(9, 9).substr(0, 30))),
            "a.jpg: byte 6: damaged JPEG, a Huffman table with too many codes (18)");
}

}  // namespace
}  // namespace octet
