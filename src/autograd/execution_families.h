// SPDX-License-Identifier: Apache-2.0
// What each file of ops executes, for execution.cpp. Private to the room.
#pragma once

#include <span>

#include "octet/autograd/execution.h"

namespace octet::detail {

using TensorExecution = Tensor (*)(std::span<const Tensor> inputs, const Attributes& attributes);
struct NamedExecution {
  const char* op;
  TensorExecution run;
};

std::span<const NamedExecution> conv_executions();
std::span<const NamedExecution> elementwise_executions();
std::span<const NamedExecution> fused_executions();
std::span<const NamedExecution> loss_executions();
std::span<const NamedExecution> pad_executions();
std::span<const NamedExecution> pool_executions();
std::span<const NamedExecution> shape_executions();

/// Input i, undefined where there are fewer.
inline Tensor input_or_none(std::span<const Tensor> inputs, std::size_t i) {
  return i < inputs.size() ? inputs[i] : Tensor();
}

}  // namespace octet::detail
