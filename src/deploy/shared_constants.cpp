// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/shared_constants.h"

#include <string_view>

namespace octet::deploy {
namespace {

std::size_t hash(const std::vector<float>& values) {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

// `map[key]`, made now if it is not there.
template <typename Map, typename F>
typename Map::mapped_type get(Map& map, const typename Map::key_type& key, const F& make) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : map.emplace(key, make()).first->second;
}

}  // namespace

SharedConstants::Floats SharedConstants::floats(int value, bool transposed, const std::function<Floats()>& make) {
  const std::lock_guard lock(mutex_);
  return get(floats_, {value, transposed}, make);
}

SharedConstants::Integers SharedConstants::transposed(int value, const std::function<Integers()>& make) {
  const std::lock_guard lock(mutex_);
  return get(transposed_, value, make);
}

SharedConstants::Integers SharedConstants::rescaled(const Integers& weights, const std::vector<float>& changes,
                                                    const std::function<Integers()>& make) {
  const std::lock_guard lock(mutex_);
  return get(rescaled_, {weights.get(), changes}, make);
}

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
  return get(conv_weights_, values.get(), [&] { return std::make_shared<const kernels::ConvWeights>(values); });
}

}  // namespace octet::deploy
