// SPDX-License-Identifier: Apache-2.0
// The counting is done by input filters (nn/module.h) that are in the slots while `forwards` runs.
#include "octet/quant/activation_ranges.h"

#include <algorithm>
#include <map>
#include <memory>

#include "octet/autograd/integers.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet {
namespace {

struct Counts {
  std::int64_t values = 0, clipped = 0;
};

Counts count(std::span<const float> values, const UlqGrid& q) {
  const IntegerRange range{q.bits};
  const auto offset = static_cast<float>(q.grid.offset);
  const float top = (range.high() - offset) * q.grid.scale, bottom = (range.low() - offset) * q.grid.scale;
  const auto beyond = [&](float x) { return x > top || x < bottom; };
  return {std::ssize(values), std::ranges::count_if(values, beyond)};
}

/// Sits in a slot as long as it lives, sees what the layer's quantizer is about to see, and hands it on.
class CountingFilter final : public Module {
 public:
  CountingFilter(Child& slot, const UlqGrid& grid) : slot_(slot), next_(slot.input_filter()), grid_(grid) {
    slot_.set_input_filter(this);
  }
  ~CountingFilter() override { slot_.set_input_filter(next_.get()); }

  Tensor forward(const Tensor& x) override { return x; }
  Tensor filter_input(const Tensor& x) override {
    visit_values(x, [this](std::span<const float> values) {
      const Counts more = count(values, grid_);
      counts_.values += more.values;
      counts_.clipped += more.clipped;
    });
    return next_.get() ? next_.get()->filter_input(x) : x;
  }
  const Counts& counts() const { return counts_; }

 private:
  Child& slot_;
  ModuleLink next_;
  UlqGrid grid_;
  Counts counts_;
};

/// Where the values of each quantizer come in: at the slot that it filters for a whole block, else at its layer's own.
std::map<const QatModule*, Child*> entrances(Module& model) {
  std::map<const QatModule*, Child*> slots;
  model.visit([&](const std::string&, Module& module) {
    for (const std::unique_ptr<Child>& child : module.children())
      if (const auto* const qat = dynamic_cast<const QatModule*>(&child->module())) slots.try_emplace(qat, child.get());
  });
  model.visit([&](const std::string&, Module& module) {
    for (const std::unique_ptr<Child>& child : module.children())
      if (const auto* const qat = dynamic_cast<const QatModule*>(child->input_filter())) slots[qat] = child.get();
  });
  return slots;
}

}  // namespace

double ActivationRange::clipped_share() const {
  return values > 0 ? static_cast<double>(clipped) / static_cast<double>(values) : 0.0;
}

std::vector<ActivationRange> activation_ranges(Module& model, const std::function<void()>& forwards) {
  const FloatEnvironment numbers;
  std::vector<ActivationRange> ranges;
  std::vector<const QatModule*> owners;  // of each range's quantizer
  std::map<const QatModule*, std::unique_ptr<CountingFilter>> filters;
  const std::map<const QatModule*, Child*> slots = entrances(model);
  model.visit([&](const std::string& path, Module& module) {
    const auto* const qat = dynamic_cast<const QatModule*>(&module);
    if (!qat || !qat->config().retrain_enable) return;
    const ContextScope scope(path);
    ranges.push_back({.layer = path, .grid = qat->input_grid()});
    owners.push_back(qat->quantizer_owner() ? qat->quantizer_owner() : qat);
    if (const auto slot = slots.find(qat); owners.back() == qat && slot != slots.end())
      filters[qat] = std::make_unique<CountingFilter>(*slot->second, ranges.back().grid);
  });
  forwards();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto filter = filters.find(owners[i]);
    if (filter == filters.end()) continue;
    ranges[i].values = filter->second->counts().values;
    ranges[i].clipped = filter->second->counts().clipped;
  }
  return ranges;
}

}  // namespace octet
