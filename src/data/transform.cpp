// SPDX-License-Identifier: Apache-2.0
// Every step is an overload of check() and of run(); a new one needs these two and a place in the variant. Random
// choices follow torchvision's definitions, so that its published settings mean the same here.
#include "octet/data/transform.h"

#include <algorithm>
#include <cmath>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/data/resample.h"

namespace octet {
namespace {

constexpr std::int64_t kMaxSide = 16384;  // keeps every product of sizes far from overflow
constexpr int kAttempts = 10;             // to find a rectangle that fits, as torchvision

void check_size(const char* step, Size2 size) {
  require(size.h >= 1 && size.w >= 1 && size.h <= kMaxSide && size.w <= kMaxSide, step, ": size must be 1 to ",
          kMaxSide, " (", size, ")");
}

void check_probability(const char* step, float p) {
  require(p >= 0.0F && p <= 1.0F, step, ": p must be 0 to 1 (", p, ")");
}

void check_scale_and_ratio(const char* step, float min_scale, float max_scale, double min_ratio, double max_ratio) {
  require(min_scale > 0.0F && min_scale <= max_scale && max_scale <= 1.0F, step,
          ": needs 0 < min_scale <= max_scale <= 1 (", min_scale, ", ", max_scale, ")");
  require(min_ratio > 0.0 && min_ratio <= max_ratio && std::isfinite(max_ratio), step,
          ": needs 0 < min_ratio <= max_ratio (", min_ratio, ", ", max_ratio, ")");
}

void check(const RandomCrop& step) {
  check_size("RandomCrop", step.size);
  require(step.padding >= 0 && step.padding <= kMaxSide, "RandomCrop: padding must be 0 to ", kMaxSide, " (",
          step.padding, ")");
}
void check(const RandomHorizontalFlip& step) { check_probability("RandomHorizontalFlip", step.p); }
void check(const RandomResizedCrop& step) {
  check_size("RandomResizedCrop", step.size);
  check_scale_and_ratio("RandomResizedCrop", step.min_scale, step.max_scale, step.min_ratio, step.max_ratio);
}
void check(const CenterCrop& step) { check_size("CenterCrop", step.size); }
void check(const Resize& step) { check_size("Resize", step.size); }
void check(const ResizeShorterSide& step) { check_size("ResizeShorterSide", step.length); }

void check(const Normalize& normalize) {
  require(!normalize.mean.empty() && !normalize.stddev.empty(), "Normalize: mean and stddev need at least one number");
  for (float mean : normalize.mean) require(std::isfinite(mean), "Normalize: mean must be finite (", mean, ")");
  for (float stddev : normalize.stddev) {
    require(stddev > 0.0F && std::isfinite(stddev), "Normalize: stddev must be positive (", stddev, ")");
  }
}

void check(const RandomErasing& erasing) {
  check_probability("RandomErasing", erasing.p);
  check_scale_and_ratio("RandomErasing", erasing.min_scale, erasing.max_scale, erasing.min_ratio, erasing.max_ratio);
}

std::int64_t random_offset(Rng& rng, std::int64_t room) {
  return static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(room + 1)));
}

// A rectangle of a random share of the area, with sides in a random proportion (uniform in its logarithm).
struct RandomSides {
  std::int64_t numerator, denominator;  // of the ratio: width / height for crops, height / width for erasing
};

RandomSides random_sides(Rng& rng, double area, float min_scale, float max_scale, float min_ratio, float max_ratio) {
  const double target = area * rng.uniform(min_scale, max_scale);
  const double ratio = std::exp(rng.uniform(std::log(min_ratio), std::log(max_ratio)));
  return {std::lrint(std::sqrt(target * ratio)), std::lrint(std::sqrt(target / ratio))};
}

Image run(const RandomCrop& step, Image image, Rng& rng) {
  const std::int64_t room_h = image.height + 2 * step.padding - step.size.h;
  const std::int64_t room_w = image.width + 2 * step.padding - step.size.w;
  require(room_h >= 0 && room_w >= 0, "RandomCrop: image of ", image.height, 'x', image.width, " with padding ",
          step.padding, " is smaller than the crop (", step.size, ")");
  const std::int64_t top = random_offset(rng, room_h), left = random_offset(rng, room_w);
  return crop(image, {top - step.padding, left - step.padding, step.size.h, step.size.w});
}

Image run(const RandomHorizontalFlip& step, Image image, Rng& rng) {
  if (rng.uniform() >= step.p) return image;
  const std::int64_t row_size = image.width * image.channels;
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::uint8_t* left = image.pixels.data() + y * row_size;
    std::uint8_t* right = left + row_size - image.channels;
    for (; left < right; left += image.channels, right -= image.channels) {
      std::swap_ranges(left, left + image.channels, right);
    }
  }
  return image;
}

// The largest middle part whose proportions are allowed, for images in which no random part fits.
Window largest_center(const Image& image, double min_ratio, double max_ratio) {
  const double height = static_cast<double>(image.height), width = static_cast<double>(image.width);
  Window window{0, 0, image.height, image.width};
  if (width / height < min_ratio) window.height = std::max<std::int64_t>(1, std::lrint(width / min_ratio));
  if (width / height > max_ratio) window.width = std::max<std::int64_t>(1, std::lrint(height * max_ratio));
  window.top = (image.height - window.height) / 2;
  window.left = (image.width - window.width) / 2;
  return window;
}

Window random_window(const RandomResizedCrop& step, const Image& image, Rng& rng) {
  const double area = static_cast<double>(image.height) * static_cast<double>(image.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto [width, height] = random_sides(rng, area, step.min_scale, step.max_scale,
                                              static_cast<float>(step.min_ratio), static_cast<float>(step.max_ratio));
    if (height < 1 || width < 1 || height > image.height || width > image.width) continue;
    const std::int64_t top = random_offset(rng, image.height - height);
    return {top, random_offset(rng, image.width - width), height, width};
  }
  return largest_center(image, step.min_ratio, step.max_ratio);
}

Image run(const RandomResizedCrop& step, Image image, Rng& rng) {
  return resize(crop(image, random_window(step, image, rng)), step.size);
}

// Where the middle begins: half of the rest, rounded half to even. What is missing is padded, the smaller half in
// front.
std::int64_t center_offset(std::int64_t length, std::int64_t crop_length) {
  if (crop_length > length) return -((crop_length - length) / 2);
  const std::int64_t rest = length - crop_length;
  return rest / 2 + (rest % 2) * (rest / 2 % 2);
}

Image run(const CenterCrop& step, Image image, Rng&) {
  return crop(image, {center_offset(image.height, step.size.h), center_offset(image.width, step.size.w), step.size.h,
                      step.size.w});
}

Image run(const Resize& step, Image image, Rng&) { return resize(image, step.size); }

Image run(const ResizeShorterSide& step, Image image, Rng& rng) {
  const std::int64_t shorter = std::min(image.height, image.width);
  const Size2 size{image.height * step.length / shorter, image.width * step.length / shorter};
  require(size.h <= kMaxSide && size.w <= kMaxSide, "ResizeShorterSide: image of ", image.height, 'x', image.width,
          " would become larger than ", kMaxSide, " (", size, ")");
  return run(Resize{size}, std::move(image), rng);
}

void erase(const RandomErasing& erasing, const Image& image, Rng& rng, std::span<float> values) {
  if (rng.uniform() >= erasing.p) return;
  const double area = static_cast<double>(image.height) * static_cast<double>(image.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto [height, width] =
        random_sides(rng, area, erasing.min_scale, erasing.max_scale, erasing.min_ratio, erasing.max_ratio);
    if (height >= image.height || width >= image.width) continue;
    const std::int64_t top = random_offset(rng, image.height - height);
    const std::int64_t left = random_offset(rng, image.width - width);
    for (std::int64_t y = top; y < top + height; ++y) {
      const auto row = values.begin() + (y * image.width + left) * image.channels;
      std::fill(row, row + width * image.channels, 0.0F);
    }
    return;
  }
}

float for_channel(const std::vector<float>& values, std::int64_t channel) {
  return values.size() == 1 ? values[0] : values[static_cast<std::size_t>(channel)];
}

}  // namespace

void validate(const Transform& transform) {
  for (const ImageStep& step : transform.steps) std::visit([](const auto& s) { check(s); }, step);
  check(transform.normalize);
  if (transform.erasing) check(*transform.erasing);
}

Image apply_steps(const Transform& transform, Image image, Rng& rng) {
  const FloatEnvironment numbers;
  for (const ImageStep& step : transform.steps) {
    image = std::visit([&](const auto& s) { return run(s, std::move(image), rng); }, step);
  }
  return image;
}

void to_float(const Transform& transform, const Image& image, Rng& rng, std::span<float> out) {
  const FloatEnvironment numbers;
  const auto& [mean, stddev] = transform.normalize;
  for (const std::size_t count : {mean.size(), stddev.size()}) {
    require(count == 1 || static_cast<std::int64_t>(count) == image.channels,
            "Normalize: mean and stddev need one number, or one per channel (mean ", mean.size(), ", stddev ",
            stddev.size(), ", image channels ", image.channels, ")");
  }
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const float m = for_channel(mean, c), s = for_channel(stddev, c);
    for (std::size_t i = static_cast<std::size_t>(c); i < image.pixels.size(); i += channels) {
      out[i] = (static_cast<float>(image.pixels[i]) / 255.0F - m) / s;
    }
  }
  if (transform.erasing) erase(*transform.erasing, image, rng, out);
}

}  // namespace octet
