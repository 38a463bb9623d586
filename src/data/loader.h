// SPDX-License-Identifier: Apache-2.0
// DataLoader: the batches of an epoch, for a range-for.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "octet/data/batch.h"
#include "octet/data/dataset.h"
#include "octet/data/transform.h"

namespace octet {

class Prefetcher;

/// The batches of an epoch:
///
///     for (const auto& [images, labels] : train) ...
///
/// Each pass is the next epoch, with another order and other random choices, also of a const loader: which epoch comes
/// next is all that a pass changes, and several threads may begin passes at once. A pass that is left early counts.
///
/// What sample i becomes depends on (seed, epoch, i) only, and the order of the samples on (seed, epoch) only: batches
/// are the same for any number of workers and for an epoch that starts in its middle.
class DataLoader {
 public:
  struct Options {
    std::int64_t batch_size;
    bool shuffle = false;
    std::uint64_t seed = 0;
    bool drop_last = false;     ///< leave out a last batch that is not full
    int workers = 2;            ///< background threads; 0 makes each batch when it is asked for
    std::int64_t prefetch = 4;  ///< batches made ahead
  };
  class Iterator;

  /// Throws Error if an option is out of its range or the dataset is empty.
  DataLoader(std::shared_ptr<const Dataset> dataset, const Options& options, Transform transform = {});

  /// Where it goes on: the next pass is this epoch, without its first `start_batch` batches (a resumed run needs that).
  /// A new loader is at epoch 0, batch 0. Throws Error for negative numbers or start_batch > batches().
  void set_epoch(std::int64_t epoch, std::int64_t start_batch = 0);
  /// The epoch of the next pass.
  std::int64_t epoch() const;

  /// Batches of a whole epoch.
  std::int64_t batches() const;
  /// Samples of a whole epoch.
  std::int64_t samples() const;
  const Dataset& dataset() const { return *dataset_; }
  const Options& options() const { return options_; }

  /// Begins a pass. Starts the background threads; they end with the iterator. An error of a thread is thrown where its
  /// batch is due. In the child of a fork() an iterator that was begun before throws Error.
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  struct Position {
    std::int64_t epoch = 0, batch = 0;
  };
  /// The start of the next pass, behind a lock; a copy of a loader goes on from there by itself.
  class NextPass {
   public:
    NextPass() = default;
    NextPass(const NextPass& other) : position_(other.get()) {}
    NextPass& operator=(const NextPass& other);
    Position get() const;
    void set(const Position& position);
    Position take();  ///< and goes on to the next epoch

   private:
    mutable std::mutex mutex_;
    Position position_;
  };

  std::vector<std::int64_t> sample_order(std::int64_t epoch) const;

  std::shared_ptr<const Dataset> dataset_;
  Options options_;
  Transform transform_;
  mutable NextPass next_pass_;
};

/// Goes over an epoch once. It shares the dataset and stays valid without its loader. Movable, not copyable.
class DataLoader::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::ptrdiff_t;

  Iterator(Iterator&&) noexcept;
  Iterator& operator=(Iterator&&) noexcept;
  ~Iterator();

  const Batch& operator*() const { return batch_; }
  const Batch* operator->() const { return &batch_; }
  Iterator& operator++();
  void operator++(int) { ++*this; }
  friend bool operator==(const Iterator& i, std::default_sentinel_t) { return i.done_; }

 private:
  friend class DataLoader;
  struct End {
    void operator()(Prefetcher* prefetcher) const;
  };
  Iterator(std::unique_ptr<Prefetcher, End> prefetcher, std::int64_t batches);

  std::unique_ptr<Prefetcher, End> prefetcher_;
  std::int64_t left_;  ///< batches behind the current one
  Batch batch_;
  bool done_ = false;
};

}  // namespace octet
