// SPDX-License-Identifier: Apache-2.0
#include "octet/data/resample.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace octet {
namespace {

// One output position along an axis: the weighted inputs first, first + 1, ...
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> triangle_taps(std::int64_t input, std::int64_t output) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double radius = std::max(scale, 1.0);  // widened when shrinking, plain bilinear when growing
  std::vector<Taps> taps(static_cast<std::size_t>(output));
  for (std::int64_t i = 0; i < output; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;  // pixel j covers [j, j + 1], its center is j + 0.5
    const std::int64_t first = std::max<std::int64_t>(0, std::lround(center - radius));
    const std::int64_t last = std::min<std::int64_t>(input, std::lround(center + radius));
    std::vector<double> weights;
    double total = 0.0;
    for (std::int64_t j = first; j < last; ++j) {
      weights.push_back(std::max(0.0, 1.0 - std::abs(static_cast<double>(j) + 0.5 - center) / radius));
      total += weights.back();
    }
    Taps& tap = taps[static_cast<std::size_t>(i)];
    tap.first = first;
    for (double weight : weights) tap.weights.push_back(static_cast<float>(weight / total));
  }
  return taps;
}

// out [rows, taps.size(), channels] from in [rows, width, channels].
std::vector<float> resample_rows(const Image& in, const std::vector<Taps>& taps) {
  std::vector<float> out(static_cast<std::size_t>(in.height * in.channels) * taps.size());
  float* to = out.data();
  for (std::int64_t y = 0; y < in.height; ++y) {
    const std::uint8_t* row = in.pixels.data() + y * in.width * in.channels;
    for (const Taps& tap : taps) {
      const std::uint8_t* from = row + tap.first * in.channels;
      for (const float weight : tap.weights) {
        for (std::int64_t c = 0; c < in.channels; ++c) to[c] += weight * static_cast<float>(*from++);
      }
      to += in.channels;
    }
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
  assert(image.height > 0 && image.width > 0 && size.h > 0 && size.w > 0);
  const std::vector<float> rows = resample_rows(image, triangle_taps(image.width, size.w));
  const std::int64_t row_size = size.w * image.channels;
  Image out{.height = size.h, .width = size.w, .channels = image.channels};
  out.pixels.reserve(static_cast<std::size_t>(size.h * row_size));
  std::vector<float> sums(static_cast<std::size_t>(row_size));
  for (const Taps& tap : triangle_taps(image.height, size.h)) {
    std::ranges::fill(sums, 0.0F);
    const float* row = rows.data() + tap.first * row_size;
    for (const float weight : tap.weights) {
      for (float& sum : sums) sum += weight * *row++;
    }
    // Weights add up to 1, so that only rounding could leave [0, 255].
    for (float sum : sums) out.pixels.push_back(static_cast<std::uint8_t>(std::clamp(sum + 0.5F, 0.0F, 255.0F)));
  }
  return out;
}

}  // namespace octet
