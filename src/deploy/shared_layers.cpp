// SPDX-License-Identifier: Apache-2.0
// The part of SharedConstants that makes kernels: apart, so that the fuzzers can link the rest without them.
#include <string_view>

#include "octet/deploy/shared_constants.h"

namespace octet::deploy {
namespace {

std::size_t hash(const std::vector<float>& values) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

}  // namespace

std::shared_ptr<const kernels::Int8Shared> SharedConstants::int8_layer(std::int32_t zero_point, const Integers& weights,
                                                                       const kernels::Int8Epilogue& epilogue) {
  const LayerKey key{weights.get(), zero_point, hash(epilogue.bias) * 31 + hash(epilogue.scale)};
  const std::lock_guard lock(mutex_);
  const auto [first, last] = layers_.equal_range(key);
  for (auto layer = first; layer != last; ++layer)
    if (layer->second->epilogue() == epilogue) return layer->second;
  return layers_.emplace(key, std::make_shared<const kernels::Int8Shared>(zero_point, weights, epilogue))->second;
}

std::shared_ptr<const kernels::ConvWeights> SharedConstants::conv_weights(const Floats& values) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const kernels::ConvWeights>& known = conv_weights_[values.get()];
  if (!known) known = std::make_shared<const kernels::ConvWeights>(values);
  return known;
}

}  // namespace octet::deploy
