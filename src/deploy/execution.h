// SPDX-License-Identifier: Apache-2.0
// What ops of the operator table become in a deployed plan, by their names. Private to the room.
#pragma once

#include <span>
#include <string_view>

#include "octet/deploy/lowering.h"

namespace octet::deploy {

/// Adds the steps of lowering.node(), and defines its result.
using LowerNode = void (*)(Lowering& lowering);

/// Null if a plan cannot execute the op: its row says why.
LowerNode find_execution(std::string_view op);

/// Of a function of one value.
void lower_function(Lowering& lowering);

struct NamedExecution {
  const char* op;
  LowerNode lower;
};
std::span<const NamedExecution> conv_executions();
std::span<const NamedExecution> elementwise_executions();
std::span<const NamedExecution> norm_executions();
std::span<const NamedExecution> pool_executions();
std::span<const NamedExecution> quantization_executions();
std::span<const NamedExecution> shape_executions();

}  // namespace octet::deploy
