// SPDX-License-Identifier: Apache-2.0
// Every transform against torchvision's, over a grid of sizes (scripts/make_torchvision.py). Results are compared by
// their CRC-32; of random ones, all that can come out.
#include <gtest/gtest.h>
#include <zlib.h>

#include <set>

#include "octet/data/transform.h"
#include "support/golden_json.h"

namespace octet {
namespace {

using nlohmann::json;

json section(const char* name) { return test::load_golden("torchvision_transforms.json").at(name); }

/// The script's pattern().
Image pattern(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Image image{.height = height, .width = width, .channels = channels};
  for (std::int64_t i = 0; i < height * width * channels; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>((i * 7919 + 13) % 251));
  return image;
}

template <typename T>
std::uint32_t crc(const std::vector<T>& values) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(values.data()), values.size() * sizeof(T)));
}

Image run(const ImageStep& step, Image image, std::uint64_t seed = 1) {
  Rng rng(seed);
  return apply_steps({.steps = {step}}, std::move(image), rng);
}

std::set<std::uint32_t> all_results(const ImageStep& step, const Image& image) {
  std::set<std::uint32_t> results;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) results.insert(crc(run(step, image, seed).pixels));
  return results;
}

TEST(Transforms, CenterCropIsThatOfTorchvision) {
  const json cases = section("center_crops");
  ASSERT_EQ(cases.size(), 160U);
  for (const json& c : cases)
    EXPECT_EQ(crc(run(CenterCrop{.size = {c[2], c[3]}}, pattern(c[0], c[1], 3)).pixels), c[4]) << c;
}

TEST(Transforms, ResizeIsThatOfTorchvision) {
  const json cases = section("resizes");
  ASSERT_EQ(cases.size(), 405U);
  for (const json& c : cases)
    EXPECT_EQ(crc(run(Resize{.size = {c[3], c[4]}}, pattern(c[0], c[1], c[2])).pixels), c[5]) << c;
}

TEST(Transforms, ResizeOfTheShorterSideIsThatOfTorchvision) {
  const json cases = section("shorter_sides");
  ASSERT_EQ(cases.size(), 183U);
  for (const json& c : cases) {
    const Image out = run(ResizeShorterSide{.length = c[2]}, pattern(c[0], c[1], 3));
    EXPECT_EQ(out.height, c[3]) << c;
    EXPECT_EQ(out.width, c[4]) << c;
    EXPECT_EQ(crc(out.pixels), c[5]) << c;
  }
}

TEST(Transforms, RandomCropTakesThePartsThatTorchvisionTakes) {
  const json cases = section("random_crops");
  ASSERT_EQ(cases.size(), 5U);
  for (const json& c : cases) {
    const RandomCrop step{.size = {c[2], c[3]}, .padding = c[4]};
    EXPECT_EQ(all_results(step, pattern(c[0], c[1], 3)), c[5].get<std::set<std::uint32_t>>()) << c;
  }
}

TEST(Transforms, RandomResizedCropTakesThePartsThatTorchvisionTakes) {
  const json cases = section("random_resized_crops");
  ASSERT_EQ(cases.size(), 66U);
  for (const json& c : cases) {
    const RandomResizedCrop step{
        .size = {c[6], c[7]}, .min_scale = c[2], .max_scale = c[3], .min_ratio = c[4], .max_ratio = c[5]};
    EXPECT_EQ(all_results(step, pattern(c[0], c[1], 3)), c[8].get<std::set<std::uint32_t>>()) << c;
  }
}

TEST(Transforms, FlipIsThatOfTorchvision) {
  const json cases = section("flips");
  ASSERT_EQ(cases.size(), 24U);
  for (const json& c : cases)
    EXPECT_EQ(crc(run(RandomHorizontalFlip{.p = 1.0F}, pattern(c[0], c[1], c[2])).pixels), c[3]) << c;
}

TEST(Transforms, NormalizeHasTheBitsOfTorchvision) {
  const json cases = section("normalizations");
  ASSERT_EQ(cases.size(), 7U);
  for (const json& c : cases) {
    Image image{.height = 16, .width = 16, .channels = c[0]};
    for (int value = 0; value < 256; ++value)
      image.pixels.insert(image.pixels.end(), c[0].get<std::size_t>(), static_cast<std::uint8_t>(value));
    std::vector<float> out(image.pixels.size());
    Rng rng(1);
    to_float({.normalize = {.mean = c[1], .stddev = c[2]}}, image, rng, out);
    EXPECT_EQ(crc(out), c[3]) << c;
  }
}

}  // namespace
}  // namespace octet
