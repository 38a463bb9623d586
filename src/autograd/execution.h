// SPDX-License-Identifier: Apache-2.0
// Ops of the operator table on tensors, by their names.
#pragma once

#include <span>
#include <string_view>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"

namespace octet {

/// conv2d(), relu(), ... with their options as attributes; an undefined input stands for an absent one.
using TensorExecution = Tensor (*)(std::span<const Tensor> inputs, const Attributes& attributes);

/// Null if nothing executes the op on tensors: its row says why.
TensorExecution find_tensor_execution(std::string_view op);

/// Runs the op. Throws Error if there is none of that name, nothing executes it, or inputs and attributes do not fit.
Tensor execute(std::string_view op, std::span<const Tensor> inputs, const Attributes& attributes = {});

}  // namespace octet
