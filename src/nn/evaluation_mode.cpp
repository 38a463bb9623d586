// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/evaluation_mode.h"

#include <algorithm>

namespace octet {

EvaluationMode::EvaluationMode(Module& root) : root_(root), modes_(modes_of("", root)) { root.eval(); }

EvaluationMode::~EvaluationMode() { restore(root_, modes_); }

EvaluationMode::Modes EvaluationMode::modes_of(const std::string& slot, const Module& module) {
  Modes modes{slot, module.training(), {}};
  for (const auto& child : module.children()) modes.children.push_back(modes_of(child->name(), child->module()));
  return modes;
}

// Parents come first, because train() reaches all below.
void EvaluationMode::restore(Module& module, const Modes& modes) {
  module.train(modes.training);
  for (const auto& child : module.children()) {
    const auto known = std::ranges::find(modes.children, child->name(), &Modes::slot);
    if (known != modes.children.end()) restore(child->module(), *known);
  }
}

}  // namespace octet
