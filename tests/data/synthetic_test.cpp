// SPDX-License-Identifier: Apache-2.0
#include "octet/data/synthetic.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

double distance(const Image& a, const Image& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

TEST(SyntheticDataset, IsTheSameForTheSameSeed) {
  const SyntheticOptions options{.count = 20, .height = 8, .width = 9, .channels = 2, .classes = 3, .seed = 7};
  const auto dataset = synthetic_dataset(options);
  EXPECT_EQ(dataset->size(), 20);
  EXPECT_EQ(dataset->classes(), 3);
  EXPECT_EQ(dataset->content_hash(), synthetic_dataset(options)->content_hash());
  SyntheticOptions other = options;
  other.seed = 8;
  EXPECT_NE(dataset->content_hash(), synthetic_dataset(other)->content_hash());
}

TEST(SyntheticDataset, ContinuesTheSequenceAtFirst) {
  const auto whole = synthetic_dataset({.count = 30, .seed = 1});
  const auto tail = synthetic_dataset({.count = 10, .seed = 1, .first = 20});
  for (std::int64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(tail->get(i).image, whole->get(20 + i).image);
    EXPECT_EQ(tail->get(i).label, whole->get(20 + i).label);
  }
}

TEST(SyntheticDataset, TellsClassesApart) {
  // The nearest neighbour among the first samples has the right class for all the others.
  const auto dataset = synthetic_dataset({.count = 100, .classes = 10, .seed = 3});
  for (std::int64_t i = 10; i < 100; ++i) {
    const Sample sample = dataset->get(i);
    std::int64_t nearest = 0;
    for (std::int64_t j = 1; j < 10; ++j) {
      if (distance(sample.image, dataset->get(j).image) < distance(sample.image, dataset->get(nearest).image))
        nearest = j;
    }
    EXPECT_EQ(dataset->get(nearest).label, sample.label);
  }
}

TEST(SyntheticDataset, RefusesSizesThatAreNotPositiveOrTooLarge) {
  const auto error = [](const SyntheticOptions& options) { return error_text([&] { synthetic_dataset(options); }); };
  EXPECT_EQ(error({.count = 0}), "synthetic_dataset: count must be positive (0)");
  EXPECT_EQ(error({.count = 1, .width = -1}),
            "synthetic_dataset: height, width and channels must be positive (32, -1, 3)");
  EXPECT_EQ(error({.count = 1, .classes = 0}), "synthetic_dataset: classes must be positive (0)");
  EXPECT_EQ(error({.count = 1, .first = -2}), "synthetic_dataset: first must not be negative (-2)");
  EXPECT_EQ(error({.count = std::int64_t{1} << 60, .height = 1 << 20}),
            "synthetic_dataset: more than 8 GiB of pixels (1152921504606846976 images of 1048576x32x3)");
}

}  // namespace
}  // namespace octet
