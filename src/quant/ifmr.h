// SPDX-License-Identifier: Apache-2.0
// IFMR: first clips for an activation, found by trying ranges on the values of the first forwards.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "octet/quant/ulq_activation.h"

namespace octet {

struct IfmrResult {
  float scale;  ///< of a symmetric grid
  Clips clips;  ///< the whole grid: high * scale and low * scale
  double loss;  ///< mean squared distance of the values from that grid
};

/// Collects values, then searches. Up to kExactValues of them are kept as they are (8 MiB). Beyond, they are counted in
/// cells of relative width 2^-11 (8 MiB, however many there are): a quarter of a thousandth off at most, where the
/// grid's steps are hundredths.
class Ifmr {
 public:
  static constexpr std::size_t kExactValues = std::size_t{1} << 21;
  static constexpr std::size_t kCandidates = 61;

  explicit Ifmr(int bits) : bits_(bits) {}

  /// Values must be finite.
  void add(std::span<const float> values);
  /// Of 61 symmetric ranges, from 0.7 to 1.3 times the largest magnitude (the 0.999999 quantile of each sign), the
  /// first with the least mean squared rounding error. Throws Error without values.
  IfmrResult search() const;

  /// The factors on the largest magnitude.
  static std::array<float, kCandidates> ratios();

 private:
  struct Sample;
  Sample sample() const;
  void count(std::span<const float> values);

  int bits_;
  std::vector<float> values_;         // while there are few
  std::vector<std::uint64_t> cells_;  // then; empty before
};

}  // namespace octet
