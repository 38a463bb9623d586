// SPDX-License-Identifier: Apache-2.0
// Ops of the operator table on tensors, by their names.
#pragma once

#include <span>
#include <string_view>

#include "octet/autograd/tensor.h"
#include "octet/graph/graph.h"

namespace octet {

/// Whether execute() runs the op of this name; if not, its row says why.
bool runs_on_tensors(std::string_view op);

/// conv2d(), relu(), ... with their options as attributes; an undefined input stands for an absent one. Throws Error if
/// there is none of that name, nothing executes it, or inputs and attributes do not fit.
Tensor execute(std::string_view op, std::span<const Tensor> inputs, const Attributes& attributes = {});

}  // namespace octet
