// SPDX-License-Identifier: Apache-2.0
// One mutex guards everything but the making of a batch. Workers claim numbers in order and put results into a ring of
// slots; the consumer takes the slots in order. A claimed number is less than `depth` ahead of the consumer, so its
// slot is free.
#include "octet/data/prefetcher.h"

#include <unistd.h>

#include <cassert>
#include <system_error>
#include <utility>

#include "octet/base/error.h"

namespace octet {

Prefetcher::Prefetcher(std::function<Batch(std::int64_t)> make, const Options& options)
    : make_(std::move(make)),
      last_(options.last),
      process_(getpid()),
      next_to_make_(options.first),
      next_to_take_(options.first),
      slots_(static_cast<std::size_t>(options.depth)) {
  try {
    for (int i = 0; i < options.workers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();  // else the threads that did start would never end
    fail("Prefetcher: cannot start ", options.workers, " threads (", error.what(), ")");
  }
}

Prefetcher::~Prefetcher() { stop(); }

bool Prefetcher::has_lost_its_threads() const { return !threads_.empty() && getpid() != process_; }

void Prefetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void Prefetcher::work() {
  const auto depth = static_cast<std::int64_t>(slots_.size());
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || next_to_make_ == last_ || next_to_make_ < next_to_take_ + depth; });
    if (stopping_ || next_to_make_ == last_) return;
    const std::int64_t number = next_to_make_++;
    lock.unlock();
    Slot made{.ready = true};
    try {
      made.batch = make_(number);
    } catch (...) {
      made.error = std::current_exception();
    }
    lock.lock();
    slots_[static_cast<std::size_t>(number % depth)] = std::move(made);
    changed_.notify_all();
  }
}

Batch Prefetcher::next() {
  assert(next_to_take_ < last_);
  if (threads_.empty()) return make_(next_to_take_++);
  require(!has_lost_its_threads(),
          "DataLoader: its background threads are not in this process, which is the child of a "
          "fork; begin a new iterator here, or fork before this one");
  std::unique_lock lock(mutex_);
  Slot& slot = slots_[static_cast<std::size_t>(next_to_take_) % slots_.size()];
  changed_.wait(lock, [&] { return slot.ready; });
  Slot taken = std::exchange(slot, Slot{});
  ++next_to_take_;
  lock.unlock();
  changed_.notify_all();
  if (taken.error) rethrow_from_thread(taken.error);
  return std::move(taken.batch);
}

}  // namespace octet
