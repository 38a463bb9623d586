// SPDX-License-Identifier: Apache-2.0
#include "octet/data/resample.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "octet/base/float_environment.h"

namespace octet {
namespace {

// Weights are integers, parts of 2^22, and each pass rounds to 8 bits, all as Pillow does: so the pixels are its
// pixels.
constexpr int kWeightBits = 22;

// One output position along an axis: the weighted inputs first, first + 1, ...
struct Taps {
  std::int64_t first;
  std::vector<std::int32_t> weights;
};

std::vector<Taps> triangle_taps(std::int64_t input, std::int64_t output) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double radius = std::max(scale, 1.0);  // widened when shrinking, plain bilinear when growing
  std::vector<Taps> taps(static_cast<std::size_t>(output));
  std::vector<double> weights;
  for (std::int64_t i = 0; i < output; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;  // pixel j covers [j, j + 1], its center is j + 0.5
    const std::int64_t first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - radius + 0.5));
    const std::int64_t last = std::min<std::int64_t>(input, static_cast<std::int64_t>(center + radius + 0.5));
    weights.clear();
    double total = 0.0;
    for (std::int64_t j = first; j < last; ++j) {
      const double distance = (static_cast<double>(j) - center + 0.5) * (1.0 / radius);
      weights.push_back(std::max(0.0, 1.0 - std::abs(distance)));
      total += weights.back();
    }
    Taps& tap = taps[static_cast<std::size_t>(i)];
    tap.first = first;
    for (const double weight : weights)
      tap.weights.push_back(static_cast<std::int32_t>(0.5 + weight / total * (1 << kWeightBits)));
  }
  return taps;
}

// Sums begin at a half, so that cutting off rounds.
constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

// Weights add up to 1 but for their rounding, so that a sum is never far above 255.
std::uint8_t pixel_of(std::int32_t sum) { return static_cast<std::uint8_t>(std::min(sum >> kWeightBits, 255)); }

Image resize_rows(const Image& in, std::int64_t width) {
  const std::vector<Taps> taps = triangle_taps(in.width, width);
  Image out{.height = in.height, .width = width, .channels = in.channels};
  out.pixels.resize(static_cast<std::size_t>(in.height * width * in.channels));
  std::uint8_t* to = out.pixels.data();
  for (std::int64_t y = 0; y < in.height; ++y) {
    const std::uint8_t* row = in.pixels.data() + y * in.width * in.channels;
    for (const Taps& tap : taps) {
      for (std::int64_t c = 0; c < in.channels; ++c) {
        const std::uint8_t* from = row + tap.first * in.channels + c;
        std::int32_t sum = kHalf;
        for (const std::int32_t weight : tap.weights) {
          sum += weight * *from;
          from += in.channels;
        }
        *to++ = pixel_of(sum);
      }
    }
  }
  return out;
}

Image resize_columns(const Image& in, std::int64_t height) {
  const std::int64_t row_size = in.width * in.channels;
  Image out{.height = height, .width = in.width, .channels = in.channels};
  out.pixels.reserve(static_cast<std::size_t>(height * row_size));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(row_size));
  for (const Taps& tap : triangle_taps(in.height, height)) {
    std::ranges::fill(sums, kHalf);
    const std::uint8_t* row = in.pixels.data() + tap.first * row_size;
    for (const std::int32_t weight : tap.weights) {
      for (std::int32_t& sum : sums) sum += weight * *row++;
    }
    for (const std::int32_t sum : sums) out.pixels.push_back(pixel_of(sum));
  }
  return out;
}

}  // namespace

Image crop(const Image& image, const Window& window) {
  Image out{.height = window.height, .width = window.width, .channels = image.channels};
  out.pixels.resize(static_cast<std::size_t>(out.height * out.width * out.channels));
  const std::int64_t first = std::clamp<std::int64_t>(window.left, 0, image.width);
  const std::int64_t last = std::clamp<std::int64_t>(window.left + window.width, first, image.width);
  for (std::int64_t y = 0; y < out.height; ++y) {
    const std::int64_t from_y = window.top + y;
    if (from_y < 0 || from_y >= image.height || first == last) continue;
    const auto from = image.pixels.begin() + from_y * image.width * image.channels;
    std::copy(from + first * image.channels, from + last * image.channels,
              out.pixels.begin() + (y * out.width + first - window.left) * out.channels);
  }
  return out;
}

Image resize(const Image& image, Size2 size) {
  const FloatEnvironment numbers;
  assert(image.height > 0 && image.width > 0 && size.h > 0 && size.w > 0);
  if (size.w == image.width) return size.h == image.height ? image : resize_columns(image, size.h);
  Image out = resize_rows(image, size.w);
  return size.h == image.height ? out : resize_columns(out, size.h);
}

}  // namespace octet
