// SPDX-License-Identifier: Apache-2.0
#include "octet/data/dataset.h"

#include <gtest/gtest.h>

#include "octet/base/error.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

LabelledImages two_images() {
  return {.height = 1, .width = 2, .channels = 1, .pixels = {1, 2, 3, 4}, .labels = {1, 0}};
}

std::string construction_error(const LabelledImages& images, std::vector<std::string> names = {"a", "b"}) {
  return error_text([&] { InMemoryDataset(images, names); });
}

TEST(InMemoryDataset, GivesImagesWithLabels) {
  const InMemoryDataset dataset(two_images(), {"a", "b"});
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.classes(), 2);
  EXPECT_EQ(dataset.class_names(), (std::vector<std::string>{"a", "b"}));
  const Sample sample = dataset.get(1);
  EXPECT_EQ(sample.label, 0);
  EXPECT_EQ(sample.image, (Image{.height = 1, .width = 2, .channels = 1, .pixels = {3, 4}}));
}

TEST(InMemoryDataset, RefusesIndicesOutside) {
  const InMemoryDataset dataset(two_images(), {"a", "b"});
  EXPECT_EQ(error_text([&] { dataset.get(2); }), "InMemoryDataset: index 2 is outside of 2 samples");
  EXPECT_EQ(error_text([&] { dataset.get(-1); }), "InMemoryDataset: index -1 is outside of 2 samples");
}

TEST(InMemoryDataset, RefusesWhatDoesNotFitTogether) {
  EXPECT_EQ(construction_error({.height = 1, .width = 1, .channels = 1}), "InMemoryDataset: there are no images");
  LabelledImages flat = two_images();
  flat.height = 0;
  EXPECT_EQ(construction_error(flat), "InMemoryDataset: height, width and channels must be positive (0, 2, 1)");
  LabelledImages short_of_pixels = two_images();
  short_of_pixels.pixels.pop_back();
  EXPECT_EQ(construction_error(short_of_pixels), "InMemoryDataset: 2 images of 1x2x1 do not have 3 pixels");
  EXPECT_EQ(construction_error(two_images(), {"a"}),
            "InMemoryDataset: label 1 of sample 0 is not below the number of classes (1)");
  LabelledImages negative = two_images();
  negative.labels[1] = -1;
  EXPECT_EQ(construction_error(negative),
            "InMemoryDataset: label -1 of sample 1 is not below the number of classes (2)");
}

TEST(InMemoryDataset, HashDependsOnEverythingThatTrainingSees) {
  const std::string hash = InMemoryDataset(two_images(), {"a", "b"}).content_hash();
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(InMemoryDataset(two_images(), {"a", "b"}).content_hash(), hash);

  EXPECT_NE(InMemoryDataset(two_images(), {"a", "c"}).content_hash(), hash);
  LabelledImages changed = two_images();
  changed.pixels[3] = 5;
  EXPECT_NE(InMemoryDataset(changed, {"a", "b"}).content_hash(), hash);
  changed = two_images();
  changed.labels = {0, 1};
  EXPECT_NE(InMemoryDataset(changed, {"a", "b"}).content_hash(), hash);
  changed = two_images();
  changed.height = 2, changed.width = 1;
  EXPECT_NE(InMemoryDataset(changed, {"a", "b"}).content_hash(), hash);
}

TEST(InMemoryDataset, NamesTheFileOfASample) {
  EXPECT_EQ(InMemoryDataset(two_images(), {"a", "b"}).sample_name(1), "sample 1");
  LabelledImages images = two_images();
  images.files = {{.path = "one.bin"}, {.path = "two.bin", .first = 1}};
  const InMemoryDataset dataset(images, {"a", "b"});
  EXPECT_EQ(dataset.sample_name(0), "one.bin: sample 0");
  EXPECT_EQ(dataset.sample_name(1), "two.bin: sample 0");
}

TEST(InMemoryDataset, NumbersClassesWithoutNames) {
  EXPECT_EQ(numbered_classes(3), (std::vector<std::string>{"0", "1", "2"}));
}

}  // namespace
}  // namespace octet
