// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/library_message.h"

namespace octet {
namespace {

using test::error_text;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kHeight = 24, kWidth = 40;

std::filesystem::path sample(const std::string& name) {
  return std::filesystem::path(OCTET_TEST_DATA) / "images" / name;
}
std::string sample_bytes(const std::string& name) { return read_file(sample(name), 1 << 20); }

std::string decode_error(const std::string& bytes, const ImageLimits& limits = {}) {
  return error_text([&] { decode_image(bytes, 3, "a.img", limits); });
}

// The pattern of images/make_images.py.
int pattern(std::int64_t y, std::int64_t x, std::int64_t c) { return static_cast<int>(5 * y + 3 * x + 10 * c); }

// The largest difference to the pattern, of which a grey file has channel 0 in all channels.
int largest_difference(const Image& image, bool grey_file) {
  int largest = 0;
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (std::int64_t c = 0; c < image.channels; ++c) {
        const int value = image.pixels[static_cast<std::size_t>((y * image.width + x) * image.channels + c)];
        largest = std::max(largest, std::abs(value - pattern(y, x, grey_file ? 0 : c)));
      }
    }
  }
  return largest;
}

TEST(ImageFile, ReadsEveryFormInColour) {
  const struct {
    const char* name;
    bool grey;
    int tolerance;
  } cases[] = {{"rgb.png", false, 0},   {"rgba.png", false, 0},       {"palette.png", true, 0}, {"grey.png", true, 0},
               {"grey16.png", true, 0}, {"rgb.bmp", false, 0},        {"grey.bmp", true, 0},    {"rgb.jpg", false, 3},
               {"grey.jpg", true, 3},   {"progressive.jpg", false, 3}};
  for (const auto& c : cases) {
    const Image image = read_image(sample(c.name), 3);
    EXPECT_EQ(image.height, kHeight) << c.name;
    EXPECT_EQ(image.width, kWidth) << c.name;
    EXPECT_EQ(image.channels, 3) << c.name;
    ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(kHeight * kWidth * 3)) << c.name;
    EXPECT_LE(largest_difference(image, c.grey), c.tolerance) << c.name;
  }
}

TEST(ImageFile, ReadsInGrey) {
  for (const char* name : {"grey.png", "grey16.png", "grey.bmp"}) {
    const Image image = read_image(sample(name), 1);
    EXPECT_EQ(image.channels, 1) << name;
    ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(kHeight * kWidth)) << name;
    EXPECT_EQ(largest_difference(image, true), 0) << name;
  }
}

TEST(ImageFile, RefusesEveryTruncatedFile) {
  for (const char* name : {"rgb.png", "palette.png", "grey.bmp", "rgb.bmp", "rgb.jpg", "progressive.jpg"}) {
    const std::string whole = sample_bytes(name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_NE(decode_error(whole.substr(0, size)), "no error") << name << " cut after " << size << " bytes";
    }
  }
}

TEST(ImageFile, RefusesEveryFlippedByteOfAPng) {
  const std::string whole = sample_bytes("rgb.png");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= 0x10;
    EXPECT_NE(decode_error(damaged), "no error") << "byte " << i;
  }
}

TEST(ImageFile, RefusesJpegsWithDamagedSegments) {
  std::string bytes = sample_bytes("rgb.jpg");
  bytes[bytes.find("\xff\xc4") + 4] = '\x55';  // class and number of a Huffman table
  EXPECT_THAT(decode_error(bytes), HasSubstr(": damaged JPEG, a Huffman table of kind 5 with number 5"));
}

TEST(ImageFile, RefusesABmpThatEndsEarly) {
  const std::string whole = sample_bytes("rgb.bmp");
  EXPECT_EQ(decode_error(whole.substr(0, 2000)),
            "a.img: byte 2000: truncated image, the file ends before its pixels do");
}

TEST(ImageFile, RefusesOtherFormats) {
  EXPECT_EQ(decode_error(""), "a.img: not a readable PNG, JPEG or BMP image (empty file)");
  const auto refused = test::ends_in_library_words("a.img: not a readable PNG, JPEG or BMP image (");
  EXPECT_THAT(decode_error("not an image"), refused);
  EXPECT_THAT(decode_error("GIF89a" + std::string(100, 'x')), refused);
}

TEST(ImageFile, KeepsItsLimitsBeforeDecoding) {
  EXPECT_EQ(decode_error(sample_bytes("huge.png")),
            "a.img: image of 20000x30000 pixels (height x width) exceeds the limit of 8192x8192");
  EXPECT_EQ(decode_error(sample_bytes("rgb.jpg"), {.max_width = 39}),
            "a.img: image of 24x40 pixels (height x width) exceeds the limit of 8192x39");
  EXPECT_EQ(decode_error(sample_bytes("rgb.bmp"), {.max_file_bytes = 100}),
            "a.img: image file of 2934 bytes exceeds the limit of 100");
  EXPECT_EQ(error_text([] { read_image(sample("rgb.bmp"), 3, {.max_file_bytes = 100}); }),
            sample("rgb.bmp").string() + ": the file has 2934 bytes, more than the limit of 100");
}

TEST(ImageFile, StopsACompressedStreamThatGrowsBeyondItsImage) {
  EXPECT_EQ(decode_error(sample_bytes("bomb.png")), "a.img: near byte 16373: damaged image (outofmem)");
}

TEST(ImageFile, RefusesOtherNumbersOfChannels) {
  EXPECT_EQ(error_text([] { decode_image(sample_bytes("rgb.png"), 4, "a.img"); }),
            "decode_image: channels must be 1 or 3 (4)");
}

TEST(ImageFile, NamesMissingFiles) {
  EXPECT_EQ(error_text([] { read_image("/nonexistent/a.png", 3); }),
            "/nonexistent/a.png: cannot open: No such file or directory");
  EXPECT_THAT(error_text([] { read_image(sample(""), 3); }), StartsWith(sample("").string()));
}

}  // namespace
}  // namespace octet
