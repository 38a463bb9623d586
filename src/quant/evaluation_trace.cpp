// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/evaluation_trace.h"

#include <utility>
#include <vector>

#include "octet/kernels/memory.h"

namespace octet {
namespace {

class EvaluationMode {
 public:
  explicit EvaluationMode(Module& model) {
    model.visit([&](const std::string&, Module& module) { modes_.emplace_back(&module, module.training()); });
    model.eval();
  }
  // Parents come first, so that train(), which reaches all below, leaves each as it was.
  ~EvaluationMode() {
    for (const auto& [module, training] : modes_) module->train(training);
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> modes_;
};

}  // namespace

Graph evaluation_trace(Module& model, const Tensor& input) {
  const EvaluationMode mode(model);
  Graph graph = trace(model, input);
  kernels::release_cached_memory();  // of the sizes of this input; training will want others
  return graph;
}

}  // namespace octet
