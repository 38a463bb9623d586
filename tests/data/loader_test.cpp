// SPDX-License-Identifier: Apache-2.0
#include "octet/data/loader.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "octet/base/error.h"
#include "octet/data/synthetic.h"
#include "support/error_text.h"
#include "support/float_mode.h"

namespace octet {
namespace {

using test::error_text;

struct PlainBatch {
  Shape shape;
  std::vector<float> values;
  std::vector<std::int64_t> labels;
  bool operator==(const PlainBatch&) const = default;
};

std::vector<PlainBatch> epoch_of(const DataLoader& loader) {
  std::vector<PlainBatch> batches;
  for (const auto& [images, labels] : loader) {
    batches.push_back({images.shape(), {images.values().begin(), images.values().end()}, labels});
  }
  return batches;
}

// Every sample is its own class, so that labels tell which samples a batch has.
std::shared_ptr<const Dataset> distinct(std::int64_t count) {
  return synthetic_dataset({.count = count, .height = 6, .width = 7, .classes = count, .seed = 2});
}

const Transform kRandom{.steps = {RandomCrop{.size = 6, .padding = 2}, RandomHorizontalFlip{}},
                        .normalize = {.mean = {0.5F}, .stddev = {0.25F}},
                        .erasing = RandomErasing{}};

std::vector<std::int64_t> labels_of(const std::vector<PlainBatch>& batches) {
  std::vector<std::int64_t> labels;
  for (const PlainBatch& batch : batches) labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  return labels;
}

/// Cannot read the sample 13.
class Damaged final : public Dataset {
 public:
  Damaged() : Dataset({"only"}) {}
  std::int64_t size() const override { return 20; }
  Sample get(std::int64_t index) const override {
    require(index != 13, "13.png: damaged");
    return {.image = {.height = 1, .width = 1, .channels = 1, .pixels = {0}}};
  }
  std::string content_hash() const override { return {}; }
};

TEST(DataLoader, TellsTheChildOfAForkThatItsThreadsAreNotThere) {
  const DataLoader loader(distinct(100), {.batch_size = 2, .workers = 2});
  auto iterator = loader.begin();
  const pid_t process = fork();
  if (process == 0) {
    alarm(30);
    std::string message;
    {
      auto here = std::move(iterator);
      message = error_text([&] { ++here; });
    }
    const bool told = message.find("child of a fork") != std::string::npos;
    const std::size_t batches = epoch_of(loader).size();  // with threads of its own
    _exit(told && batches == 50 ? 0 : 1);
  }
  int status = 0;
  waitpid(process, &status, 0);
  EXPECT_EQ(status, 0);
  ++iterator;
  EXPECT_EQ(iterator->labels.size(), 2U);
}

TEST(DataLoader, IsTheSameInEveryFloatMode) {
  const Transform transform{.steps = {RandomResizedCrop{.size = 5}, RandomHorizontalFlip{}},
                            .normalize = {.mean = {0.4F}, .stddev = {0.3F}},
                            .erasing = RandomErasing{}};
  const auto batches = [&](int workers) {
    return epoch_of(DataLoader(distinct(40), {.batch_size = 8, .shuffle = true, .workers = workers}, transform));
  };
  const std::vector<PlainBatch> expected = batches(0);
  for (const test::FloatMode mode : test::kFloatModes)
    for (const int workers : {0, 2}) {
      const test::FloatModeScope host(mode);
      EXPECT_TRUE(batches(workers) == expected) << name_of(mode) << ", " << workers << " workers";
    }
}

TEST(DataLoader, GoesThroughAllSamplesInOrder) {
  DataLoader loader(distinct(10), {.batch_size = 4});
  const std::vector<PlainBatch> batches = epoch_of(loader);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(loader.batches(), 3);
  EXPECT_EQ(loader.samples(), 10);
  EXPECT_EQ(batches[0].shape, (Shape{4, 3, 6, 7}));
  EXPECT_EQ(batches[2].shape, (Shape{2, 3, 6, 7}));
  EXPECT_EQ(labels_of(batches), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(DataLoader, LeavesOutTheLastBatchIfTold) {
  DataLoader loader(distinct(10), {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(epoch_of(loader).size(), 2u);
  EXPECT_EQ(loader.batches(), 2);
  EXPECT_EQ(loader.samples(), 8);
  EXPECT_EQ(DataLoader(distinct(8), {.batch_size = 4, .drop_last = true}).batches(), 2);
}

TEST(DataLoader, ShufflesDifferentlyInEachEpochAndForEachSeed) {
  DataLoader loader(distinct(50), {.batch_size = 8, .shuffle = true, .seed = 1});
  const std::vector<std::int64_t> first = labels_of(epoch_of(loader));
  loader.set_epoch(0);
  EXPECT_EQ(labels_of(epoch_of(loader)), first);
  const std::vector<std::int64_t> second = labels_of(epoch_of(loader));
  EXPECT_NE(second, first);
  DataLoader other(distinct(50), {.batch_size = 8, .shuffle = true, .seed = 2});
  EXPECT_NE(labels_of(epoch_of(other)), first);

  std::vector<std::int64_t> all(50);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_NE(first, all);
  for (std::vector<std::int64_t> labels : {first, second}) {
    std::ranges::sort(labels);
    EXPECT_EQ(labels, all);
  }
}

TEST(DataLoader, GoesOnToTheNextEpochWithEachPass) {
  const auto loader = [] { return DataLoader(distinct(50), {.batch_size = 8, .shuffle = true, .seed = 1}, kRandom); };
  const auto epoch = [&](std::int64_t number) {
    DataLoader fresh = loader();
    fresh.set_epoch(number);
    return epoch_of(fresh);
  };
  DataLoader passes = loader();
  for (std::int64_t number : {0, 1, 2}) {
    EXPECT_EQ(passes.epoch(), number);
    EXPECT_TRUE(epoch_of(passes) == epoch(number)) << number;
  }
  EXPECT_FALSE(epoch(0) == epoch(1));
  passes.set_epoch(5, 3);
  EXPECT_EQ(epoch_of(passes).size(), 4U);
  EXPECT_TRUE(epoch_of(passes) == epoch(6)) << "a whole one";
  for ([[maybe_unused]] const auto& batch : passes) break;
  EXPECT_EQ(passes.epoch(), 8) << "a pass that is left early counts";
  DataLoader copy = passes;
  EXPECT_TRUE(epoch_of(copy) == epoch(8));
  EXPECT_EQ(passes.epoch(), 8);
}

TEST(DataLoader, GivesTheSameBatchesForAnyWorkersAndPrefetch) {
  const auto dataset = distinct(53);
  const auto batches = [&](int workers, std::int64_t prefetch, std::int64_t epoch) {
    DataLoader loader(dataset, {.batch_size = 8, .shuffle = true, .seed = 9, .workers = workers, .prefetch = prefetch},
                      kRandom);
    loader.set_epoch(epoch);
    return epoch_of(loader);
  };
  for (std::int64_t epoch : {0, 3}) {
    const std::vector<PlainBatch> expected = batches(0, 1, epoch);
    for (int workers : {1, 2, 3, 8}) {
      for (std::int64_t prefetch : {1, 4, 100}) EXPECT_TRUE(batches(workers, prefetch, epoch) == expected);
    }
  }
}

TEST(DataLoader, MakesASampleTheSameForAnyBatchSizeAndOrder) {
  const auto dataset = distinct(12);
  const auto by_label = [&](std::int64_t batch_size, bool shuffle) {
    std::vector<std::vector<float>> samples(12);
    for (const PlainBatch& batch :
         epoch_of(DataLoader(dataset, {.batch_size = batch_size, .shuffle = shuffle, .seed = 4}, kRandom))) {
      const std::size_t size = batch.values.size() / batch.labels.size();
      for (std::size_t i = 0; i < batch.labels.size(); ++i) {
        const float* values = batch.values.data() + i * size;
        samples[static_cast<std::size_t>(batch.labels[i])].assign(values, values + size);
      }
    }
    return samples;
  };
  EXPECT_EQ(by_label(5, true), by_label(12, false));
}

TEST(DataLoader, TransformsASampleDifferentlyInEachEpoch) {
  DataLoader loader(distinct(8), {.batch_size = 8, .seed = 4}, kRandom);
  const std::vector<PlainBatch> first = epoch_of(loader);
  loader.set_epoch(1);
  EXPECT_NE(epoch_of(loader)[0].values, first[0].values);
}

TEST(DataLoader, ContinuesInTheMiddleOfAnEpoch) {
  DataLoader loader(distinct(30), {.batch_size = 4, .shuffle = true, .seed = 6}, kRandom);
  loader.set_epoch(2);
  const std::vector<PlainBatch> whole = epoch_of(loader);
  for (std::int64_t start : {0, 1, 5, 8}) {
    loader.set_epoch(2, start);
    EXPECT_TRUE(epoch_of(loader) == std::vector<PlainBatch>(whole.begin() + start, whole.end())) << start;
  }
  loader.set_epoch(2);
  EXPECT_EQ(epoch_of(loader).size(), whole.size());
}

TEST(DataLoader, ThrowsTheErrorOfASampleWhereItsBatchIsDue) {
  for (int workers : {0, 1, 3}) {
    DataLoader loader(std::make_shared<Damaged>(), {.batch_size = 4, .workers = workers});
    int batches = 0;
    const std::string error = error_text([&] {
      for ([[maybe_unused]] const auto& batch : loader) ++batches;
    });
    EXPECT_EQ(error, "13.png: damaged");
    EXPECT_EQ(batches, 3);
  }
}

TEST(DataLoader, CanBeLeftEarlyAndOutlivedByItsIterator) {
  const auto begin = [] {
    DataLoader loader(distinct(100), {.batch_size = 1, .workers = 2});
    for (const auto& [images, labels] : loader) {
      if (labels[0] == 3) break;
    }
    return loader.begin();
  };
  DataLoader::Iterator it = begin();
  std::int64_t count = 0;
  for (; it != std::default_sentinel; ++it) EXPECT_EQ(it->labels[0], count++);
  EXPECT_EQ(count, 100);
}

TEST(DataLoader, RefusesOptionsOutOfRange) {
  const auto error = [](const DataLoader::Options& options, const Transform& transform = {}) {
    return error_text([&] { DataLoader(distinct(5), options, transform); });
  };
  EXPECT_EQ(error({.batch_size = 0}), "DataLoader: batch_size must be at least 1 (0)");
  EXPECT_EQ(error({.batch_size = 1, .workers = -1}), "DataLoader: workers must be 0 to 256 (-1)");
  EXPECT_EQ(error({.batch_size = 1, .prefetch = 0}), "DataLoader: prefetch must be 1 to 4096 (0)");
  EXPECT_EQ(error({.batch_size = 6, .drop_last = true}),
            "DataLoader: drop_last leaves no batch (5 samples, batch_size 6)");
  EXPECT_EQ(error({.batch_size = 1}, {.steps = {RandomCrop{.size = 0}}}), "RandomCrop: size must be 1 to 16384 (0x0)");
  EXPECT_EQ(error_text([] { DataLoader(nullptr, {.batch_size = 1}); }), "DataLoader: there is no dataset");
}

TEST(DataLoader, RefusesPositionsOutOfRange) {
  DataLoader loader(distinct(10), {.batch_size = 4});
  EXPECT_EQ(error_text([&] { loader.set_epoch(-1); }), "DataLoader: epoch must not be negative (-1)");
  EXPECT_EQ(error_text([&] { loader.set_epoch(0, 4); }), "DataLoader: start_batch must be 0 to 3 (4)");
  EXPECT_EQ(error_text([&] { loader.set_epoch(0, -1); }), "DataLoader: start_batch must be 0 to 3 (-1)");
}

}  // namespace
}  // namespace octet
