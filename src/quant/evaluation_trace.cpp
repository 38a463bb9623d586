// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/evaluation_trace.h"

#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/kernels/memory.h"

namespace octet {
namespace {

class Mode {
 public:
  Mode(Module& model, bool training) {
    model.visit([&](const std::string&, Module& module) { modes_.emplace_back(&module, module.training()); });
    model.train(training);
  }
  // Parents come first, so that train(), which reaches all below, leaves each as it was.
  ~Mode() {
    for (const auto& [module, training] : modes_) module->train(training);
  }
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> modes_;
};

}  // namespace

Graph evaluation_trace(Module& model, const Tensor& input) {
  const Mode mode(model, false);
  Graph graph = trace(model, input);
  kernels::release_cached_memory();  // of the sizes of this input; training will want others
  return graph;
}

Graph training_trace(Module& model, const Tensor& input) {
  const Mode mode(model, true);
  Shape shape = input.shape();
  if (!shape.empty()) shape[0] = 2;
  Graph graph;
  try {
    graph = trace(model, Tensor::zeros(shape));
  } catch (const Error&) {  // what trains on other batches only
  }
  kernels::release_cached_memory();
  return graph;
}

}  // namespace octet
