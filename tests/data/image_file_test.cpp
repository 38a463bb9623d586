// SPDX-License-Identifier: Apache-2.0
#include "octet/data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "support/error_text.h"
#include "support/golden_json.h"
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

// What Pillow's convert("L") gives.
int pillows_grey(const std::uint8_t* rgb) { return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16; }

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

TEST(ImageFile, MakesColoursGreyAsPillowDoes) {
  for (const char* name : {"rgb.png", "rgba.png", "rgb.bmp"}) {
    const Image colour = read_image(sample(name), 3), grey = read_image(sample(name), 1);
    ASSERT_EQ(grey.pixels.size() * 3, colour.pixels.size()) << name;
    for (std::size_t i = 0; i < grey.pixels.size(); ++i)
      ASSERT_EQ(grey.pixels[i], pillows_grey(&colour.pixels[3 * i])) << name;
  }
}

TEST(ImageFile, ReadsABmpFromTheTop) {
  constexpr std::size_t kHeightField = 22, kPixels = 54, kRow = kWidth * 3;
  const std::string bottom_up = sample_bytes("rgb.bmp");
  std::string top_down = bottom_up.substr(0, kPixels);
  top_down.replace(kHeightField, 4, std::string("\xe8\xff\xff\xff"));  // -24
  for (std::size_t y = kHeight; y-- > 0;) top_down += bottom_up.substr(kPixels + y * kRow, kRow);
  EXPECT_EQ(decode_image(top_down, 3, "a.bmp"), decode_image(bottom_up, 3, "a.bmp"));
}

// scripts/make_image_kinds.py wrote them, and what Pillow reads.
TEST(ImageFile, ReadsEveryKindOfPngAndBmpAsPillowDoes) {
  const auto crc = [](const std::vector<std::uint8_t>& pixels) { return crc32_z(0, pixels.data(), pixels.size()); };
  const nlohmann::json images = test::load_golden("image_kinds.json")["images"];
  EXPECT_GT(images.size(), 120U);
  for (const nlohmann::json& image : images) {
    const auto name = image["name"].get<std::string>(), digits = image["file"].get<std::string>();
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2)
      bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    EXPECT_EQ(crc(decode_image(bytes, 3, name).pixels), image["colour"]) << name;
    EXPECT_EQ(crc(decode_image(bytes, 1, name).pixels), image["grey"]) << name;
  }
}

TEST(ImageFile, SaysWhichBmpsAreRead) {
  std::string bytes = sample_bytes("grey.bmp");
  bytes[30] = 1;
  EXPECT_EQ(decode_error(bytes),
            "a.img: byte 30: a BMP with compression 1 (RLE8); PNG, JPEG (also progressive and CMYK) and BMP without "
            "compression (1, 4, 8, 16, 24 or 32 bits) are read");
  bytes[30] = 0, bytes[28] = 2;
  EXPECT_EQ(decode_error(bytes),
            "a.img: byte 28: a BMP of 2 bits; PNG, JPEG (also progressive and CMYK) and BMP without compression (1, 4, "
            "8, 16, 24 or 32 bits) are read");
  bytes[28] = 8, bytes[14] = 16;
  EXPECT_EQ(decode_error(bytes),
            "a.img: byte 14: a BMP with a header of 16 bytes; those of 12, 40, 52, 56, 64, 108 and 124 bytes are read");
  bytes[14] = 40, bytes[10] = 53, bytes[11] = 0;
  EXPECT_THAT(decode_error(bytes),
              HasSubstr("a.img: byte 10: damaged BMP, its pixels begin at 53, its header ends at 54"));
}

// So a network that torchvision's ImageFolder fed sees the same pixels here.
TEST(ImageFile, ReadsAJpegAsPillowDoes) {
  for (const std::string name : {"rgb.jpg", "progressive.jpg", "grey.jpg", "subsampled.jpg", "cmyk.jpg"}) {
    const Image image = read_image(sample(name), 3);
    EXPECT_EQ(image, read_image(sample(name + ".png"), 3)) << name;
    const Image grey = read_image(sample(name), 1);
    ASSERT_EQ(grey.pixels.size() * 3, image.pixels.size()) << name;
    for (std::size_t i = 0; i < grey.pixels.size(); ++i) {
      const std::uint8_t* rgb = &image.pixels[3 * i];
      ASSERT_EQ(grey.pixels[i], name == "grey.jpg" ? rgb[0] : pillows_grey(rgb)) << name;
    }
  }
}

TEST(ImageFile, TakesEveryJpegInCmykForAdobes) {
  std::string bytes = sample_bytes("cmyk.jpg");
  const std::size_t adobe = bytes.find("\xff\xee"), length = 2 + 14;
  ASSERT_EQ(bytes.substr(adobe + 4, 5), "Adobe");
  bytes.erase(adobe, length);
  EXPECT_EQ(decode_image(bytes, 3, "a.img"), read_image(sample("cmyk.jpg.png"), 3));
}

TEST(ImageFile, RefusesEveryTruncatedFile) {
  for (const char* name : {"rgb.png", "palette.png", "grey.bmp", "rgb.bmp", "rgb.jpg", "progressive.jpg", "cmyk.jpg"}) {
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

TEST(ImageFile, RefusesADamagedJpeg) {
  const std::string whole = sample_bytes("rgb.jpg");
  EXPECT_EQ(decode_error(whole.substr(0, 700)), "a.img: byte 700: truncated JPEG, the file ends before its pixels do");
  const auto damaged = [](std::string bytes, std::size_t offset, char value) {
    bytes.at(offset) = value;
    return decode_error(bytes);
  };
  const std::size_t table = whole.find("\xff\xc4"), scan = whole.find("\xff\xda");
  EXPECT_THAT(damaged(whole, table + 4, '\x55'), test::ends_in_library_words("a.img: near byte 179: damaged JPEG ("))
      << "number of a Huffman table";
  EXPECT_THAT(damaged(whole, scan + 20, '\xff'), test::ends_in_library_words("a.img: near byte ")) << "in a scan";
  EXPECT_THAT(decode_error("\xff\xd8\xff\xd9"), test::ends_in_library_words("a.img: near byte 4: damaged JPEG ("));
}

TEST(ImageFile, ReadsOnWhereAJpegHasBytesTooMany) {
  const std::string whole = sample_bytes("rgb.jpg");
  const Image image = decode_image(whole, 3, "a.img");
  EXPECT_EQ(decode_image(whole + "trailing", 3, "a.img"), image);
  std::string padded = whole;
  padded.insert(2, std::string(5, '\0'));
  EXPECT_EQ(decode_image(padded, 3, "a.img"), image);
}

TEST(ImageFile, StopsAJpegOfEndlessScans) {
  // Scans of the first component alone, which is what the grey file has.
  const std::string whole = sample_bytes("rgb.jpg"), grey = sample_bytes("grey.jpg");
  const std::size_t start = grey.find("\xff\xda"), end = grey.size() - 2;
  const auto with_scans = [&](int count) {
    std::string bytes = whole.substr(0, whole.find("\xff\xda"));
    for (int i = 0; i < count; ++i) bytes += grey.substr(start, end - start);
    return bytes + grey.substr(end);
  };
  EXPECT_EQ(decode_error(with_scans(500)), "no error");
  EXPECT_THAT(decode_error(with_scans(501)), testing::EndsWith(": damaged JPEG, more than 500 scans"));
}

TEST(ImageFile, GivesADamagedPaletteTheSameColoursEachTime) {
  std::string bytes = sample_bytes("grey.bmp");
  const std::size_t start_of_pixels = 10, header = 54, colours = 2;
  bytes[start_of_pixels] = header + 4 * colours, bytes[start_of_pixels + 1] = 0;
  const Image image = decode_image(bytes, 3, "a.img");
  read_image(sample("palette.png"), 3);  // leaves its own colours behind, on the stack
  EXPECT_EQ(decode_image(bytes, 3, "a.img"), image);
}

TEST(ImageFile, RefusesABmpThatEndsEarly) {
  const std::string whole = sample_bytes("rgb.bmp");
  EXPECT_EQ(decode_error(whole.substr(0, 2000)),
            "a.img: byte 2000: truncated image, the file ends before its pixels do");
}

TEST(ImageFile, RefusesOtherFormats) {
  EXPECT_EQ(decode_error(""), "a.img: not a readable PNG, JPEG or BMP image (empty file)");
  const auto refused = test::ends_in_library_words("a.img: not a readable PNG, JPEG or BMP image (");
  EXPECT_THAT(decode_error("\1\2\3"), refused);
  EXPECT_EQ(decode_error("not an image"), "a.img: this is a text file, not a PNG, JPEG or BMP image");
  EXPECT_EQ(decode_error("GIF89a" + std::string(100, 'x')), "a.img: this is a GIF image, not a PNG, JPEG or BMP image");
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
