// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/evaluation_trace.h"

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "octet/nn/evaluation_mode.h"

namespace octet {

Graph evaluation_trace(Module& model, const Tensor& input) {
  const EvaluationMode mode(model);
  Graph graph = trace(model, input);
  kernels::release_cached_memory();  // of the sizes of this input; training will want others
  return graph;
}

Graph training_trace(Module& model, const Tensor& input) {
  const EvaluationMode mode(model);  // for its end: every module is then in its own mode again
  model.train();
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
