// SPDX-License-Identifier: Apache-2.0
// Sums of so many products that int32 may not hold them. Private to the room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "octet/kernels/int8/int8_inference.h"
#include "octet/kernels/int8/int8_layer.h"

namespace octet::kernels {

/// The sums of a layer by its input channels: int32 holds those of some at a time, int64 those of all. It may be run by
/// many threads at once.
class WideInt8Sums {
 public:
  /// `weights` row-major.
  WideInt8Sums(const Int8LayerShape& layer, std::int32_t zero_point, const std::int8_t* weights);

  /// Adds the sums to acc, channels-last.
  void add(const std::uint8_t* x, std::int64_t* acc) const;
  /// acc = float(sum), rounded once.
  void round(const std::uint8_t* x, float* acc) const;

  /// Bytes that it takes, weights among them: each part has its own.
  std::int64_t own_bytes() const;
  /// "3 parts: " and the implementation of the first (see Int8Layer), or "loop".
  std::string implementation() const;

 private:
  // Channels first .. first + count - 1 of each group.
  struct Part {
    std::int64_t first, count;
    Int8Layer layer;
  };
  void add_by_loop(const std::uint8_t* x, std::int64_t* acc) const;

  Int8LayerShape layer_;
  std::int32_t zero_point_;
  std::vector<Part> parts_;           // none: a window over one channel is too large already
  std::vector<std::int8_t> weights_;  // for the loop
};

}  // namespace octet::kernels
