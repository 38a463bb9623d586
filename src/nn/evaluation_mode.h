// SPDX-License-Identifier: Apache-2.0
// Evaluation mode for a while.
#pragma once

#include <string>
#include <vector>

#include "octet/nn/module.h"

namespace octet {

/// While it lives, the whole tree is in evaluation mode, unless somebody changes that; then every module is in its own
/// mode again, whatever was thrown: a tree may be in training with some of it frozen. A module that was put into a slot
/// meanwhile gets the mode of the one that it replaced. `root` must live longer.
class EvaluationMode {
 public:
  explicit EvaluationMode(Module& root);
  ~EvaluationMode();
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  struct Modes {
    std::string slot;
    bool training;
    std::vector<Modes> children;
  };
  static Modes modes_of(const std::string& slot, const Module& module);
  static void restore(Module& module, const Modes& modes);

  Module& root_;
  const Modes modes_;
};

}  // namespace octet
