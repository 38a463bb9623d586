// SPDX-License-Identifier: Apache-2.0
// Private to data: batches in order, made ahead of their use by background threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "octet/data/batch.h"

namespace octet {

/// Makes the batches first, first + 1, ..., last - 1 with `workers` threads, at most `depth` ahead of the consumer;
/// without workers each batch is made by next() itself. One thread consumes. The destructor waits only for the batches
/// that are just being made.
class Prefetcher {
 public:
  struct Options {
    std::int64_t first, last;
    int workers;
    std::int64_t depth;  ///< at least 1
  };

  /// `make` is called with a batch number by several threads at once, each number once.
  Prefetcher(std::function<Batch(std::int64_t)> make, const Options& options);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// Waits for the next batch in order. Throws what `make` threw for it. Call it (last - first) times. Throws Error in
  /// the child of a fork(), where the threads are not.
  Batch next();

  /// Deletes it; but in the child of a fork() nothing of it may be touched, because the threads cannot be waited for
  /// and were perhaps just writing: there it is left where it is.
  void end() {
    if (!has_lost_its_threads()) delete this;
  }

 private:
  struct Slot {
    bool ready = false;
    Batch batch = {};
    std::exception_ptr error = nullptr;
  };

  void work();
  void stop();
  bool has_lost_its_threads() const;

  const std::function<Batch(std::int64_t)> make_;
  const std::int64_t last_;
  const int process_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::int64_t next_to_make_, next_to_take_;
  std::vector<Slot> slots_;  ///< batch b lies in slot b % depth
  std::vector<std::jthread> threads_;
};

}  // namespace octet
