// SPDX-License-Identifier: Apache-2.0
#include "octet/data/transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Pixel (y, x) is 10 * y + x + 1 in channel 0, and that plus 100 in channel 1.
Image numbered(std::int64_t height, std::int64_t width) {
  Image image{.height = height, .width = width, .channels = 2};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      image.pixels.push_back(static_cast<std::uint8_t>(10 * y + x + 1));
      image.pixels.push_back(static_cast<std::uint8_t>(10 * y + x + 101));
    }
  }
  return image;
}

Image run(const ImageStep& step, const Image& image, std::uint64_t seed = 1) {
  Rng rng(seed);
  return apply_steps({.steps = {step}}, image, rng);
}

std::string validation_error(const Transform& transform) {
  return error_text([&] { validate(transform); });
}

TEST(RandomCrop, ReachesEveryPositionOfThePaddedImage) {
  std::set<std::vector<int>> seen;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Image out = run(RandomCrop{.size = 4, .padding = 1}, numbered(4, 4), seed);
    ASSERT_EQ(out.height, 4);
    ASSERT_EQ(out.width, 4);
    seen.emplace(out.pixels.begin(), out.pixels.end());
  }
  EXPECT_EQ(seen.size(), 9u);  // 3x3 offsets
  const Image whole = numbered(4, 4);
  EXPECT_TRUE(seen.contains({whole.pixels.begin(), whole.pixels.end()}));
}

TEST(RandomCrop, RefusesImagesThatAreTooSmall) {
  EXPECT_EQ(error_text([] {
              run(RandomCrop{.size = {5, 9}, .padding = 2}, numbered(4, 4));
            }),
            "RandomCrop: image of 4x4 with padding 2 is smaller than the crop (5x9)");
}

TEST(RandomHorizontalFlip, MirrorsWholePixels) {
  const Image out = run(RandomHorizontalFlip{.p = 1.0F}, numbered(2, 3));
  EXPECT_EQ(out.pixels, (std::vector<std::uint8_t>{3, 103, 2, 102, 1, 101, 13, 113, 12, 112, 11, 111}));
  EXPECT_EQ(run(RandomHorizontalFlip{.p = 0.0F}, numbered(2, 3)), numbered(2, 3));
}

TEST(RandomHorizontalFlip, HappensAsOftenAsItIsTold) {
  int flipped = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    if (run(RandomHorizontalFlip{.p = 0.25F}, numbered(1, 2), seed) != numbered(1, 2)) ++flipped;
  }
  EXPECT_NEAR(flipped, 500, 60);  // three standard deviations
}

TEST(RandomResizedCrop, TakesTheWholeImageAtScaleOne) {
  const RandomResizedCrop whole{.size = {6, 6}, .min_scale = 1.0F, .min_ratio = 1.0F, .max_ratio = 1.0F};
  EXPECT_EQ(run(whole, numbered(6, 6)), numbered(6, 6));
}

TEST(RandomResizedCrop, FallsBackToTheMiddleWhenNothingFits) {
  // A 2x20 image has no square part of its whole area: the middle 2x2 is taken, and at this size stays as it is.
  const RandomResizedCrop squares{.size = {2, 2}, .min_scale = 1.0F, .min_ratio = 1.0F, .max_ratio = 1.0F};
  EXPECT_EQ(run(squares, numbered(2, 20)), run(CenterCrop{.size = 2}, numbered(2, 20)));
}

TEST(RandomResizedCrop, GivesTheSizeItIsAskedFor) {
  std::set<std::vector<int>> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Image out = run(RandomResizedCrop{.size = {3, 5}}, numbered(8, 9), seed);
    ASSERT_EQ(out.height, 3);
    ASSERT_EQ(out.width, 5);
    ASSERT_EQ(out.pixels.size(), 30u);
    seen.emplace(out.pixels.begin(), out.pixels.end());
  }
  EXPECT_GT(seen.size(), 40u);
}

TEST(CenterCrop, TakesTheMiddle) {
  EXPECT_EQ(run(CenterCrop{.size = {1, 2}}, numbered(3, 4)).pixels, (std::vector<std::uint8_t>{12, 112, 13, 113}));
}

TEST(CenterCrop, PadsWhatIsSmaller) {
  EXPECT_EQ(run(CenterCrop{.size = {1, 4}}, numbered(1, 1)).pixels,
            (std::vector<std::uint8_t>{0, 0, 1, 101, 0, 0, 0, 0}));
}

TEST(Resize, GivesExactlyTheSize) {
  const Image out = run(Resize{.size = {7, 2}}, numbered(3, 4));
  EXPECT_EQ(out.height, 7);
  EXPECT_EQ(out.width, 2);
  EXPECT_EQ(run(Resize{.size = {3, 4}}, numbered(3, 4)), numbered(3, 4));
}

TEST(ResizeShorterSide, KeepsTheShape) {
  const Image wide = run(ResizeShorterSide{.length = 6}, numbered(3, 7));
  EXPECT_EQ(wide.height, 6);
  EXPECT_EQ(wide.width, 14);
  const Image tall = run(ResizeShorterSide{.length = 2}, numbered(7, 3));
  EXPECT_EQ(tall.height, 4);  // 14 / 3, cut off as in torchvision
  EXPECT_EQ(tall.width, 2);
  Image line{.height = 1, .width = 20, .channels = 1, .pixels = std::vector<std::uint8_t>(20)};
  EXPECT_EQ(error_text([&] { run(ResizeShorterSide{.length = 1000}, line); }),
            "ResizeShorterSide: image of 1x20 would become larger than 16384 (1000x20000)");
}

TEST(Normalize, IsPerChannelOrForAll) {
  const Image image{.height = 1, .width = 1, .channels = 2, .pixels = {51, 255}};
  Rng rng(1);
  std::vector<float> out(2);
  to_float({}, image, rng, out);
  EXPECT_EQ(out, (std::vector<float>{51.0F / 255.0F, 1.0F}));
  to_float({.normalize = {.mean = {0.5F, 0.25F}, .stddev = {2.0F}}}, image, rng, out);
  EXPECT_EQ(out, (std::vector<float>{(51.0F / 255.0F - 0.5F) / 2.0F, 0.375F}));
}

TEST(Normalize, RefusesAnotherNumberOfChannels) {
  const Image image = numbered(1, 1);
  Rng rng(1);
  std::vector<float> out(2);
  EXPECT_EQ(error_text([&] {
              to_float({.normalize = {.mean = {0, 0, 0}}}, image, rng, out);
            }),
            "Normalize: mean and stddev need one number, or one per channel (mean 3, stddev 1, image channels 2)");
}

TEST(RandomErasing, ZeroesOneRectangle) {
  Image white{.height = 12, .width = 10, .channels = 3, .pixels = std::vector<std::uint8_t>(360, 255)};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    std::vector<float> out(360);
    to_float({.erasing = RandomErasing{.p = 1.0F}}, white, rng, out);
    std::int64_t top = 12, bottom = -1, left = 10, right = -1, zeros = 0;
    for (std::int64_t y = 0; y < 12; ++y) {
      for (std::int64_t x = 0; x < 10; ++x) {
        const auto at = static_cast<std::size_t>((y * 10 + x) * 3);
        ASSERT_TRUE((out[at] == 0 && out[at + 1] == 0 && out[at + 2] == 0) ||
                    (out[at] == 1 && out[at + 1] == 1 && out[at + 2] == 1));
        if (out[at] != 0) continue;
        ++zeros;
        top = std::min(top, y), bottom = std::max(bottom, y), left = std::min(left, x), right = std::max(right, x);
      }
    }
    EXPECT_GE(zeros, 1);
    EXPECT_LE(zeros, 50);  // 33 % of 120 pixels, and rounding
    EXPECT_EQ(zeros, (bottom - top + 1) * (right - left + 1));
  }
}

TEST(Transform, DependsOnItsGeneratorOnly) {
  const Transform transform{
      .steps = {RandomCrop{.size = 4, .padding = 1}, RandomHorizontalFlip{}, RandomResizedCrop{.size = {5, 6}}},
      .erasing = RandomErasing{}};
  const auto values = [&](std::uint64_t seed) {
    Rng rng(seed);
    const Image image = apply_steps(transform, numbered(4, 4), rng);
    std::vector<float> out(image.pixels.size());
    to_float(transform, image, rng, out);
    return out;
  };
  EXPECT_EQ(values(3), values(3));
  EXPECT_NE(values(3), values(4));
}

TEST(Transform, AcceptsUsualOptions) {
  EXPECT_EQ(validation_error({}), "no error");
  EXPECT_EQ(validation_error({.steps = {RandomResizedCrop{.size = 224}, RandomHorizontalFlip{}},
                              .normalize = {.mean = {0.485F, 0.456F, 0.406F}, .stddev = {0.229F, 0.224F, 0.225F}},
                              .erasing = RandomErasing{}}),
            "no error");
}

TEST(Transform, RefusesOptionsOutOfRange) {
  const auto step_error = [](const ImageStep& step) { return validation_error({.steps = {step}}); };
  EXPECT_EQ(step_error(RandomCrop{.size = {0, 4}}), "RandomCrop: size must be 1 to 16384 (0x4)");
  EXPECT_EQ(step_error(RandomCrop{.size = 4, .padding = -1}), "RandomCrop: padding must be 0 to 16384 (-1)");
  EXPECT_EQ(step_error(RandomHorizontalFlip{.p = 1.5F}), "RandomHorizontalFlip: p must be 0 to 1 (1.5)");
  EXPECT_EQ(step_error(RandomHorizontalFlip{.p = kNan}), "RandomHorizontalFlip: p must be 0 to 1 (nan)");
  EXPECT_EQ(step_error(RandomResizedCrop{.size = 4, .min_scale = 0.5F, .max_scale = 0.25F}),
            "RandomResizedCrop: needs 0 < min_scale <= max_scale <= 1 (0.5, 0.25)");
  EXPECT_EQ(step_error(RandomResizedCrop{.size = 4, .min_ratio = 0.0F}),
            "RandomResizedCrop: needs 0 < min_ratio <= max_ratio (0, 1.33333)");
  EXPECT_EQ(step_error(CenterCrop{.size = {4, 20000}}), "CenterCrop: size must be 1 to 16384 (4x20000)");
  EXPECT_EQ(step_error(Resize{.size = -3}), "Resize: size must be 1 to 16384 (-3x-3)");
  EXPECT_EQ(step_error(ResizeShorterSide{.length = 0}), "ResizeShorterSide: size must be 1 to 16384 (0x0)");
  EXPECT_EQ(validation_error({.normalize = {.mean = {}}}), "Normalize: mean and stddev need at least one number");
  EXPECT_EQ(validation_error({.normalize = {.mean = {kNan}}}), "Normalize: mean must be finite (nan)");
  EXPECT_EQ(validation_error({.normalize = {.stddev = {1.0F, 0.0F}}}), "Normalize: stddev must be positive (0)");
  EXPECT_EQ(validation_error({.erasing = RandomErasing{.p = -1.0F}}), "RandomErasing: p must be 0 to 1 (-1)");
  EXPECT_EQ(validation_error({.erasing = RandomErasing{.max_scale = 2.0F}}),
            "RandomErasing: needs 0 < min_scale <= max_scale <= 1 (0.02, 2)");
}

}  // namespace
}  // namespace octet
