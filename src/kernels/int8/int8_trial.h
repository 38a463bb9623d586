// SPDX-License-Identifier: Apache-2.0
// Which int8 kernel can be trusted is found out, not assumed: without VNNI oneDNN adds two products in 16 bits, which
// saturates, and releases with wrong int8 kernels have shipped. So each one, oneDNN's or ours, is run on hard data and
// compared with the scalar loop before it is used for the first time in the process. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "octet/kernels/core/recent.h"
#include "octet/kernels/int8/int8_layer.h"

namespace octet::kernels {

/// Data that saturate where anything can: whole channels of the largest weights of one sign, activations near 255.
struct Int8Trial {
  Int8LayerShape layer;
  std::int32_t zero_point;
  std::vector<std::uint8_t> x;
  std::vector<std::int8_t> w;  ///< row-major

  Int8Trial(const Int8LayerShape& layer, bool has_zero_point);

  /// Asks is_sum(position in the results, what it must be) for every pixel, each in another channel; for all channels
  /// where that is little work. Whether all answers were yes.
  bool passes(const std::function<bool(std::int64_t position, std::int64_t sum)>& is_sum) const;
};

/// Whether int8_float_sums() is right for this layer: releases with wrong float kernels have shipped, too. False as
/// well where oneDNN refuses: the loop is left.
bool trusts_float_sums(const Int8LayerShape& layer);

struct HashOfLayer {
  std::size_t operator()(const Int8LayerShape& layer) const { return hash(layer.s); }
  template <typename Asked>
  std::size_t operator()(const std::pair<Int8LayerShape, Asked>& key) const {
    return hash(key.first.s);
  }
};

/// What trials found. A key is a layer, or a pair of a layer and what is asked of it.
template <typename Key, typename Answer>
using Findings = RecentAnswers<Key, Answer, HashOfLayer>;
/// Kept of each kind. An answer that has gone costs another trial.
inline constexpr std::size_t kFindings = 1 << 14;
inline constexpr std::size_t kFoundPrimitives = 1 << 12;

}  // namespace octet::kernels
