// SPDX-License-Identifier: Apache-2.0
#include "octet/data/png_structure.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/data/image_file.h"
#include "support/error_text.h"

namespace octet {
namespace {

std::string sample(const std::string& name) {
  return read_file(std::string(OCTET_TEST_DATA) + "/images/" + name, 1 << 20);
}

std::string png_error(const std::string& bytes) {
  return test::error_text([&] { check_png_structure(bytes, "a.png"); });
}

TEST(PngStructure, AcceptsWholeFilesAndLeavesOtherFormatsAlone) {
  for (const char* name : {"rgb.png", "grey.jpg", "rgb.bmp"}) EXPECT_EQ(png_error(sample(name)), "no error") << name;
}

TEST(PngStructure, AcceptsWhatFollowsTheEnd) { EXPECT_EQ(png_error(sample("rgb.png") + "trailing"), "no error"); }

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data = "") {
  const std::string body = type + data;
  const auto checksum = crc32_z(0, reinterpret_cast<const unsigned char*>(body.data()), body.size());
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(static_cast<std::uint32_t>(checksum));
}

// The chunks of rgb.png: the header, one IDAT and the end.
struct Parts {
  std::string start = sample("rgb.png").substr(0, 33), data = sample("rgb.png").substr(41, 44);
};

TEST(PngStructure, TakesOutDataChunksWithoutBytes) {
  const Parts png;
  const std::string empty = chunk("IDAT"), first = chunk("IDAT", png.data.substr(0, 20)),
                    second = chunk("IDAT", png.data.substr(20)), end = chunk("IEND");
  const Image image = decode_image(sample("rgb.png"), 3, "a.png");
  for (const std::string& data : {empty + first + second, first + empty + empty + second, first + second + empty}) {
    EXPECT_EQ(png_error(png.start + data + end), "no error");
    EXPECT_EQ(mended_png(png.start + data + end), png.start + first + second + end);
    EXPECT_EQ(decode_image(png.start + data + end, 3, "a.png"), image);
  }
  EXPECT_EQ(mended_png(sample("rgb.png")), "");
}

TEST(PngStructure, RefusesOrdersThatPngDoesNotAllow) {
  const Parts png;
  const std::string data = chunk("IDAT", png.data), end = chunk("IEND"), palette = chunk("PLTE", "abc");
  const std::string signature = png.start.substr(0, 8), header = png.start.substr(16, 13);
  const auto with_kind = [&](char depth, char colour) {
    std::string changed = header;
    changed[8] = depth, changed[9] = colour;
    return png_error(signature + chunk("IHDR", changed) + data + end);
  };
  EXPECT_EQ(png_error(png.start + end), "a.png: byte 33: damaged PNG, there is no data in IDAT");
  EXPECT_EQ(png_error(png.start + chunk("IDAT") + end), "a.png: byte 45: damaged PNG, there is no data in IDAT");
  EXPECT_EQ(png_error(png.start + data + chunk("tEXt", "a") + data + end),
            "a.png: byte 102: damaged PNG, its IDAT chunks do not follow each other");
  EXPECT_EQ(png_error(png.start + data + palette + end),
            "a.png: byte 89: damaged PNG, PLTE comes twice or behind the data");
  EXPECT_EQ(png_error(png.start + palette + palette + data + end),
            "a.png: byte 48: damaged PNG, PLTE comes twice or behind the data");
  EXPECT_EQ(png_error(png.start + png.start.substr(8) + data + end),
            "a.png: byte 33: damaged PNG, IHDR is not one chunk of 13 bytes");
  EXPECT_EQ(png_error(signature + data + end), "a.png: byte 8: damaged PNG, the first chunk is not IHDR");
  EXPECT_EQ(png_error(signature + chunk("CgBI", "abcd") + png.start.substr(8) + data + end),
            "a.png: byte 8: damaged PNG, an iPhone's own form (CgBI), which is no PNG");
  EXPECT_EQ(with_kind(2, 2), "a.png: byte 8: damaged PNG, depth 2 does not go with colour type 2");
  EXPECT_EQ(with_kind(8, 3), "a.png: byte 33: damaged PNG, there is no palette in front of the data");
  EXPECT_EQ(png_error(png.start + chunk("PLTE", "abcd") + data + end),
            "a.png: byte 33: damaged PNG, a palette of 4 bytes");
  EXPECT_EQ(png_error(png.start + chunk("PLTE", std::string(771, 'a')) + data + end),
            "a.png: byte 33: damaged PNG, a palette of 771 bytes");
  EXPECT_EQ(with_kind(16, 3), "a.png: byte 8: damaged PNG, depth 16 does not go with colour type 3");
  for (const char depth : {1, 2, 4, 8, 16}) EXPECT_EQ(with_kind(depth, 0), "no error");
}

TEST(PngStructure, SaysWhereAPngIsDamaged) {
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

}  // namespace
}  // namespace octet
