// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/execution.h"

#include <unordered_map>

#include "octet/deploy/executable.h"
#include "octet/graph/operator.h"

namespace octet::deploy {

LowerNode find_execution(std::string_view op) {
  static const std::unordered_map<std::string_view, LowerNode> by_name = [] {
    std::unordered_map<std::string_view, LowerNode> found;
    for (const std::span<const NamedExecution> family :
         {conv_executions(), elementwise_executions(), norm_executions(), pool_executions(), quantization_executions(),
          shape_executions()})
      for (const NamedExecution& execution : family) found.emplace(execution.op, execution.lower);
    return found;
  }();
  const auto found = by_name.find(op);
  if (found != by_name.end()) return found->second;
  const Operator* const row = find_operator(op);
  return row && row->function && !row->not_deployed ? lower_function : nullptr;
}

bool is_executable(std::string_view op) { return find_execution(op) != nullptr; }

}  // namespace octet::deploy
