// SPDX-License-Identifier: Apache-2.0
#include "octet/data/synthetic.h"

#include <algorithm>
#include <limits>

#include "octet/base/error.h"
#include "octet/base/rng.h"

namespace octet {
namespace {

constexpr std::int64_t kBlocks = 4;  // a pattern has 4x4 blocks per channel
constexpr std::uint64_t kPatternTag = 0, kNoiseTag = 1;

void check(const SyntheticOptions& o) {
  require(o.count > 0, "synthetic_dataset: count must be positive (", o.count, ")");
  require(o.height > 0 && o.width > 0 && o.channels > 0,
          "synthetic_dataset: height, width and channels must be positive (", o.height, ", ", o.width, ", ", o.channels,
          ")");
  require(o.classes > 0, "synthetic_dataset: classes must be positive (", o.classes, ")");
  require(o.first >= 0, "synthetic_dataset: first must not be negative (", o.first, ")");
  std::int64_t left = std::int64_t{8} << 30;
  for (std::int64_t size : {o.count, o.height, o.width, o.channels}) left /= size;
  require(left > 0, "synthetic_dataset: more than 8 GiB of pixels (", o.count, " images of ", o.height, 'x', o.width,
          'x', o.channels, ")");
  require(o.first <= std::numeric_limits<std::int64_t>::max() - o.count, "synthetic_dataset: first is too large (",
          o.first, ")");
}

// Brightness 64 to 191 per block, so that noise of +-64 seldom saturates.
std::vector<int> class_pattern(const SyntheticOptions& o, std::int64_t label) {
  Rng rng = Rng(o.seed).fork(kPatternTag).fork(static_cast<std::uint64_t>(label));
  std::vector<int> blocks(static_cast<std::size_t>(kBlocks * kBlocks * o.channels));
  for (int& block : blocks) block = 64 + static_cast<int>(rng.below(128));
  return blocks;
}

void append_sample(const SyntheticOptions& o, const std::vector<int>& pattern, std::int64_t index,
                   std::vector<std::uint8_t>& pixels) {
  Rng rng = Rng(o.seed).fork(kNoiseTag).fork(static_cast<std::uint64_t>(index));
  for (std::int64_t y = 0; y < o.height; ++y) {
    for (std::int64_t x = 0; x < o.width; ++x) {
      const std::int64_t block = (y * kBlocks / o.height * kBlocks + x * kBlocks / o.width) * o.channels;
      for (std::int64_t c = 0; c < o.channels; ++c) {
        const int noise = static_cast<int>(rng.next() >> 25) - 64;
        const int value = pattern[static_cast<std::size_t>(block + c)] + noise;
        pixels.push_back(static_cast<std::uint8_t>(std::clamp(value, 0, 255)));
      }
    }
  }
}

}  // namespace

std::shared_ptr<const Dataset> synthetic_dataset(const SyntheticOptions& o) {
  check(o);
  std::vector<std::vector<int>> patterns;
  for (std::int64_t label = 0; label < o.classes; ++label) patterns.push_back(class_pattern(o, label));

  LabelledImages images{.height = o.height, .width = o.width, .channels = o.channels};
  images.pixels.reserve(static_cast<std::size_t>(o.count * o.height * o.width * o.channels));
  for (std::int64_t i = o.first; i < o.first + o.count; ++i) {
    const std::int64_t label = i % o.classes;
    images.labels.push_back(label);
    append_sample(o, patterns[static_cast<std::size_t>(label)], i, images.pixels);
  }
  return std::make_shared<InMemoryDataset>(std::move(images), numbered_classes(o.classes));
}

}  // namespace octet
