// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/execution.h"

#include <unordered_map>

#include "octet/autograd/execution_families.h"
#include "octet/autograd/ops.h"
#include "octet/base/error.h"
#include "octet/graph/operator.h"

namespace octet {

namespace {

// Null if there is none.
detail::TensorExecution find_execution(std::string_view op) {
  static const std::unordered_map<std::string_view, detail::TensorExecution> by_name = [] {
    std::unordered_map<std::string_view, detail::TensorExecution> found;
    for (const std::span<const detail::NamedExecution> family :
         {detail::conv_executions(), detail::elementwise_executions(), detail::fused_executions(),
          detail::loss_executions(), detail::pad_executions(), detail::pool_executions(), detail::shape_executions()})
      for (const detail::NamedExecution& execution : family) found.emplace(execution.op, execution.run);
    return found;
  }();
  const auto found = by_name.find(op);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace

bool runs_on_tensors(std::string_view op) {
  const Operator* const row = find_operator(op);
  return row && (row->function || find_execution(op));
}

Tensor execute(std::string_view op, std::span<const Tensor> inputs, const Attributes& attributes) {
  const Operator& row = get_operator(op);
  require(runs_on_tensors(op), row.name, ": does not run on tensors: ", row.no_tensors ? row.no_tensors : "");
  check_input_count(row, inputs.size());
  check_attributes(row, attributes);
  if (const detail::TensorExecution own = find_execution(op)) return own(inputs, attributes);
  return apply_function(*row.function, inputs[0], function_option(row, attributes));
}

}  // namespace octet
