// SPDX-License-Identifier: Apache-2.0
#include "octet/data/batch.h"

#include <gtest/gtest.h>

#include <numeric>

#include "octet/base/error.h"
#include "octet/data/synthetic.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

// Image i is 1x(i + 1) with the value i everywhere.
class GrowingImages final : public Dataset {
 public:
  GrowingImages() : Dataset({"only"}) {}
  std::int64_t size() const override { return 100; }
  Sample get(std::int64_t index) const override {
    const auto pixels = static_cast<std::size_t>(index + 1);
    return {.image = {.height = 1,
                      .width = index + 1,
                      .channels = 1,
                      .pixels = std::vector<std::uint8_t>(pixels, static_cast<std::uint8_t>(index))}};
  }
  std::string content_hash() const override { return {}; }
  std::vector<std::int64_t> one_of_each_size() const override {
    std::vector<std::int64_t> all(100);
    std::iota(all.begin(), all.end(), std::int64_t{0});
    return all;
  }
};

std::vector<float> values(const Tensor& tensor) { return {tensor.values().begin(), tensor.values().end()}; }

TEST(MakeBatch, PutsImagesBehindEachOtherChannelsLast) {
  const InMemoryDataset dataset(
      {.height = 1, .width = 2, .channels = 2, .pixels = {0, 51, 102, 153, 204, 255, 0, 0}, .labels = {0, 1}},
      {"a", "b"});
  const std::vector<std::int64_t> indices = {1, 0};
  const Batch batch = make_batch(dataset, indices, {}, Rng(1));
  EXPECT_EQ(batch.labels, (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(batch.images.shape(), (Shape{2, 2, 1, 2}));
  EXPECT_EQ(batch.images.layout(), Layout::kChannelsLast);
  EXPECT_EQ(values(batch.images),
            (std::vector<float>{204 / 255.0F, 1, 0, 0, 0, 51 / 255.0F, 102 / 255.0F, 153 / 255.0F}));
  EXPECT_EQ(batch.images.to_nchw(),
            (std::vector<float>{204 / 255.0F, 0, 1, 0, 0, 102 / 255.0F, 51 / 255.0F, 153 / 255.0F}));
}

TEST(MakeBatch, MakesASampleTheSameInAnyBatch) {
  const auto dataset = synthetic_dataset({.count = 20, .height = 6, .width = 6});
  const Transform transform{.steps = {RandomCrop{.size = 5, .padding = 2}, RandomHorizontalFlip{}},
                            .erasing = RandomErasing{}};
  const std::vector<std::int64_t> many = {3, 11, 7}, alone = {11};
  const std::vector<float> in_many = values(make_batch(*dataset, many, transform, Rng(5)).images);
  const std::vector<float> by_itself = values(make_batch(*dataset, alone, transform, Rng(5)).images);
  EXPECT_EQ(by_itself, std::vector<float>(in_many.begin() + 75, in_many.begin() + 150));
}

TEST(MakeBatch, RefusesImagesOfSeveralSizes) {
  const std::vector<std::int64_t> indices = {4, 6};
  EXPECT_EQ(error_text([&] { make_batch(GrowingImages(), indices, {}, Rng(1)); }),
            "sample 6: make_batch: images of a batch must have one size, but this one is [1, 1, 7] in a batch of "
            "[2, 1, 1, 5]; let the transform end with a crop or Resize");
  const Transform resize{.steps = {Resize{.size = 3}}};
  EXPECT_EQ(make_batch(GrowingImages(), indices, resize, Rng(1)).images.shape(), (Shape{2, 1, 3, 3}));
}

TEST(MakeBatch, NamesTheSampleThatATransformRefuses) {
  const std::vector<std::int64_t> indices = {7, 3};
  EXPECT_EQ(error_text([&] {
              make_batch(GrowingImages(), indices, {.steps = {RandomCrop{.size = {1, 8}}}}, Rng(1));
            }),
            "sample 3: RandomCrop: image of 1x4 with padding 0 is smaller than the crop (1x8)");
}

TEST(RequireFitting, LooksAtAnImageOfEachSize) {
  EXPECT_EQ(error_text([] { require_fitting(GrowingImages(), {}); }),
            "sample 1: make_batch: images of a batch must have one size, but this one is [1, 1, 2] in a batch of "
            "[16, 1, 1, 1]; let the transform end with a crop or Resize");
  EXPECT_EQ(error_text([] {
              require_fitting(GrowingImages(), {.steps = {RandomCrop{.size = {1, 20}, .padding = 9}}});
            }),
            "sample 0: RandomCrop: image of 1x1 with padding 9 is smaller than the crop (1x20)");
  require_fitting(GrowingImages(), {.steps = {Resize{.size = 3}}});
  EXPECT_EQ(error_text([] {
              require_fitting(*synthetic_dataset({.count = 3}), {.normalize = {.mean = {1, 2}}});
            }),
            "sample 0: Normalize: mean and stddev need one number, or one per channel (mean 2, stddev 1, image "
            "channels 3)");
}

TEST(ToTensor, IsABatchOfOne) {
  Rng rng(1);
  const Image image{.height = 1, .width = 2, .channels = 1, .pixels = {255, 0}};
  const Tensor tensor = to_tensor(image, {.normalize = {.mean = {0.5F}}}, rng);
  EXPECT_EQ(tensor.shape(), (Shape{1, 1, 1, 2}));
  EXPECT_EQ(values(tensor), (std::vector<float>{0.5F, -0.5F}));
}

}  // namespace
}  // namespace octet
