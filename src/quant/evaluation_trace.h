// SPDX-License-Identifier: Apache-2.0
// Private to quant: a trace of what a model computes once it is deployed.
#pragma once

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"
#include "octet/nn/module.h"

namespace octet {

/// trace() in evaluation mode: dropouts are not in it, and a BatchNorm takes any batch. Every module is in its own mode
/// again afterwards.
Graph evaluation_trace(Module& model, const Tensor& input);

}  // namespace octet
