// SPDX-License-Identifier: Apache-2.0
// The choices of who makes random networks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "octet/base/rng.h"

namespace octet::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : rng_(seed) {}

  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(rng_.below(static_cast<std::uint32_t>(most - least + 1)));
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }
  std::int64_t pick(const std::vector<std::int64_t>& choices) {
    return choices[static_cast<std::size_t>(between(0, std::ssize(choices) - 1))];
  }
  float uniform(float low, float high) { return low + (high - low) * rng_.uniform(); }
  /// An index below `count`, more often a high one.
  std::size_t late(std::size_t count) {
    const auto last = static_cast<std::int64_t>(count) - 1;
    return static_cast<std::size_t>(std::max(between(0, last), between(0, last)));
  }

 private:
  Rng rng_;
};

}  // namespace octet::test
