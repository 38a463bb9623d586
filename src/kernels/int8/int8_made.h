// SPDX-License-Identifier: Apache-2.0
// What is made once of what int8 layers share (int8_shared.h). Each is made by the first that asks, while others that
// ask for something of the same layer wait. Private to the room.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/int8/int8_direct.h"
#include "octet/kernels/int8/int8_epilogue.h"
#include "octet/kernels/int8/int8_shared.h"
#include "octet/kernels/onednn/onednn.h"

namespace octet::kernels {

/// An epilogue made ready for some channels.
struct Int8Finishing {
  Int8Finisher finisher;
  std::vector<std::int32_t> start;  ///< of the sums, for the finisher's sake; empty: 0
};

struct Int8Shared::Made {
 public:
  /// The largest that a sum can get.
  template <typename F>
  std::int64_t largest_sum(const F& find) {
    const std::lock_guard lock(mutex_);
    if (!largest_sum_) largest_sum_ = find();
    return *largest_sum_;
  }

  template <typename F>
  std::shared_ptr<const Int8DirectWeights> direct(const F& make) {
    const std::lock_guard lock(mutex_);
    if (!direct_) direct_ = make();
    return direct_;
  }

  /// Weights from output channel `first` on, packed by make() as `format` says. They leave with the last layer that has
  /// them: how many formats there are depends on how layers are cut.
  template <typename F>
  std::shared_ptr<const Buffer> packed(std::int64_t first, const dnnl::memory::desc& format, const F& make) {
    const std::lock_guard lock(mutex_);
    std::erase_if(packed_, [](const Packed& p) { return p.weights.expired(); });
    for (const Packed& p : packed_)
      if (p.first == first && p.format == format)
        if (std::shared_ptr<const Buffer> weights = p.weights.lock()) return weights;
    const auto weights = std::make_shared<const Buffer>(make());
    packed_.push_back({first, format, weights});
    return weights;
  }

  /// As make() makes it for these channels and this correction of their sums; the latest few are kept.
  template <typename F>
  std::shared_ptr<const Int8Finishing> finishing(const ChannelRange& range, bool has_start,
                                                 const std::vector<std::int32_t>& correction, const F& make) {
    const std::lock_guard lock(mutex_);
    for (const Finishing& f : finishing_)
      if (f.first == range.first && f.width == range.width && f.has_start == has_start && f.correction == correction)
        return f.made;
    constexpr std::size_t kMost = 16;
    if (finishing_.size() == kMost) finishing_.erase(finishing_.begin());
    finishing_.push_back({range.first, range.width, has_start, correction, make()});
    return finishing_.back().made;
  }

 private:
  struct Packed {
    std::int64_t first;
    dnnl::memory::desc format;
    std::weak_ptr<const Buffer> weights;
  };
  struct Finishing {
    std::int64_t first, width;
    bool has_start;
    std::vector<std::int32_t> correction;
    std::shared_ptr<const Int8Finishing> made;
  };

  std::mutex mutex_;
  std::optional<std::int64_t> largest_sum_;
  std::shared_ptr<const Int8DirectWeights> direct_;
  std::vector<Packed> packed_;
  std::vector<Finishing> finishing_;
};

}  // namespace octet::kernels
