// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/evaluation_weights.h"

#include <algorithm>
#include <utility>

namespace octet {
namespace {

bool are_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& s, const Tensor& t) { return s.same_as(t); });
}

}  // namespace

EvaluationWeights::Made EvaluationWeights::get(Sources sources, const std::function<Made()>& make) const {
  std::vector<std::uint64_t> versions;
  for (const Tensor& t : sources.tensors) versions.push_back(t.defined() ? t.version() : 0);
  std::shared_ptr<const Kept> kept;
  {
    const std::scoped_lock lock(lock_);
    kept = kept_;
  }
  if (kept && kept->versions == versions && kept->sources.numbers == sources.numbers &&
      are_same(kept->sources.tensors, sources.tensors))
    return kept->made;
  auto made = std::make_shared<const Kept>(Kept{std::move(sources), std::move(versions), make()});
  const std::scoped_lock lock(lock_);
  kept_ = std::move(made);
  return kept_->made;
}

void EvaluationWeights::clear() const {
  const std::scoped_lock lock(lock_);
  kept_ = nullptr;
}

}  // namespace octet
