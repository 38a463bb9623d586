// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/shared_constants.h"

namespace octet::deploy {
namespace {

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

}  // namespace octet::deploy
