// SPDX-License-Identifier: Apache-2.0
// What the plans of one model share: weights as kernels want them, each made once, whatever the batch. Private to the
// room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "octet/kernels/float/conv.h"
#include "octet/kernels/int8/int8_shared.h"

namespace octet::deploy {

/// Many threads may ask at once. What a key stands for must stay the same: values are those of the graphs of one model.
class SharedConstants {
 public:
  using Floats = std::shared_ptr<const std::vector<float>>;
  using Integers = std::shared_ptr<const std::vector<std::int8_t>>;

  /// Float values of a value of the graph, as they are or transposed.
  Floats floats(int value, bool transposed, const std::function<Floats()>& make);
  /// Integers of a value of the graph, transposed.
  Integers transposed(int value, const std::function<Integers()>& make);
  /// Integers of which some channels were rounded again. `changes` says which, from what scale and to what scale: two
  /// layers may read the same integers on different ones. The first integers must live on.
  Integers rescaled(const Integers& weights, const std::vector<float>& changes, const std::function<Integers()>& make);
  /// One for each set of weights and zero point and epilogue.
  std::shared_ptr<const kernels::Int8Shared> int8_layer(std::int32_t zero_point, const Integers& weights,
                                                        const kernels::Int8Epilogue& epilogue);
  std::shared_ptr<const kernels::ConvWeights> conv_weights(const Floats& values);

 private:
  using LayerKey = std::tuple<const void*, std::int32_t, std::size_t>;  // weights, zero point, hash of the epilogue

  std::mutex mutex_;
  std::map<std::pair<int, bool>, Floats> floats_;
  std::map<int, Integers> transposed_;
  std::map<std::pair<const void*, std::vector<float>>, Integers> rescaled_;
  std::multimap<LayerKey, std::shared_ptr<const kernels::Int8Shared>> layers_;
  std::map<const void*, std::shared_ptr<const kernels::ConvWeights>> conv_weights_;
};

}  // namespace octet::deploy
