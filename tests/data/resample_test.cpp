// SPDX-License-Identifier: Apache-2.0
#include "octet/data/resample.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "octet/base/file.h"

namespace octet {
namespace {

Image counting(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Image image{.height = height, .width = width, .channels = channels};
  for (std::int64_t i = 0; i < height * width * channels; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i + 1));
  return image;
}

TEST(Crop, CutsOutAWindow) {
  const Image out = crop(counting(3, 4, 2), {.top = 1, .left = 2, .height = 2, .width = 1});
  EXPECT_EQ(out, (Image{.height = 2, .width = 1, .channels = 2, .pixels = {13, 14, 21, 22}}));
}

TEST(Crop, IsBlackOutsideOfTheImage) {
  const Image image = counting(2, 2, 1);
  EXPECT_EQ(crop(image, {-1, -1, 4, 4}).pixels,
            (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0}));
  EXPECT_EQ(crop(image, {1, 1, 2, 2}).pixels, (std::vector<std::uint8_t>{4, 0, 0, 0}));
  for (const Window& beside : {Window{0, 5, 2, 2}, Window{0, -5, 2, 2}, Window{7, 0, 2, 2}, Window{-7, 0, 2, 2}}) {
    EXPECT_EQ(crop(image, beside).pixels, std::vector<std::uint8_t>(4, 0));
  }
}

TEST(Resize, AgreesWithPillow) {
  const nlohmann::json file =
      nlohmann::json::parse(read_file(std::string(OCTET_TEST_DATA) + "/images/pillow_resize.json", 1 << 20));
  const Image noise{.height = file["height"], .width = file["width"], .channels = 3, .pixels = file["pixels"]};
  for (const nlohmann::json& expected : file["resized"]) {
    const Size2 size{expected["size"][0].get<std::int64_t>(), expected["size"][1].get<std::int64_t>()};
    const Image out = resize(noise, size);
    const std::vector<int> pixels = expected["pixels"];
    ASSERT_EQ(out.pixels.size(), pixels.size()) << size;
    for (std::size_t i = 0; i < pixels.size(); ++i) ASSERT_EQ(out.pixels[i], pixels[i]) << size;
  }
}

TEST(Resize, KeepsConstantImagesConstant) {
  Image image{.height = 5, .width = 7, .channels = 3};
  image.pixels.assign(5 * 7 * 3, 201);
  for (const Size2 size : {Size2{1, 1}, Size2{3, 4}, Size2{50, 2}, Size2{5, 7}}) {
    EXPECT_EQ(resize(image, size).pixels,
              std::vector<std::uint8_t>(static_cast<std::size_t>(size.h * size.w * 3), 201));
  }
}

}  // namespace
}  // namespace octet
