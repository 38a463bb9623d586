// SPDX-License-Identifier: Apache-2.0
// Traces of what a model computes once it is deployed, and while it is trained.
#pragma once

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"
#include "octet/nn/module.h"

namespace octet {

/// trace() in evaluation mode: dropouts are not in it, and a BatchNorm takes any batch. Every module is in its own mode
/// again afterwards.
Graph evaluation_trace(Module& model, const Tensor& input);

/// trace() in training mode, of two inputs of zeros of the size of those in `input`: a BatchNorm needs two. Without
/// nodes if the model cannot be trained on these. Every module is in its own mode again afterwards.
Graph training_trace(Module& model, const Tensor& input);

}  // namespace octet
