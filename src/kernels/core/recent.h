// SPDX-License-Identifier: Apache-2.0
// What was made or found out for a shape and will be wanted again. Private to the room.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace octet::kernels {

/// Answers by key, found once: a network has many equal layers, and a training step many equal calls. Beyond `capacity`
/// the one that has not been asked for longest goes (who holds it still may use it). Of many threads that want one
/// answer the first finds it and the others wait; those that want another one do not.
template <typename Key, typename Answer, typename Hash>
class RecentAnswers {
 public:
  explicit RecentAnswers(std::size_t capacity) : capacity_(capacity) {}

  /// find() makes the Answer. What it throws is thrown here, and nothing is kept.
  template <typename F>
  std::shared_ptr<const Answer> get(const Key& key, const F& find) {
    std::shared_ptr<Entry> entry;
    {
      const std::lock_guard lock(mutex_);
      entry = latest(key);
      if (entry->answer) return answer_of(entry);
    }
    const std::lock_guard finding(entry->finding);
    {
      const std::lock_guard lock(mutex_);
      if (entry->answer) return answer_of(entry);
    }
    Answer found = find();
    const std::lock_guard lock(mutex_);
    entry->answer.emplace(std::move(found));
    return answer_of(entry);
  }

 private:
  struct Entry {
    std::mutex finding;
    std::optional<Answer> answer;  // guarded by mutex_
  };
  using Order = std::list<std::pair<Key, std::shared_ptr<Entry>>>;

  static std::shared_ptr<const Answer> answer_of(const std::shared_ptr<Entry>& entry) {
    return {entry, &*entry->answer};
  }

  // With mutex_ held.
  std::shared_ptr<Entry> latest(const Key& key) {
    if (const auto known = places_.find(key); known != places_.end()) {
      order_.splice(order_.begin(), order_, known->second);
      return known->second->second;
    }
    order_.emplace_front(key, std::make_shared<Entry>());
    try {
      places_.emplace(key, order_.begin());
    } catch (...) {
      order_.pop_front();
      throw;
    }
    const std::shared_ptr<Entry> entry = order_.front().second;
    if (order_.size() > capacity_) {
      places_.erase(order_.back().first);
      order_.pop_back();
    }
    return entry;
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  Order order_;  // the latest first
  std::unordered_map<Key, typename Order::iterator, Hash> places_;
};

}  // namespace octet::kernels
