// SPDX-License-Identifier: Apache-2.0
// Pooling in a plan. The largest of quantized values is the quantized largest, so that max pooling stays in u8.
#include <memory>

#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_pool.h"
#include "octet/kernels/float/pool.h"
#include "octet/kernels/int8/int8_images.h"

namespace octet::deploy {
namespace {

void lower_max_pool(Lowering& l) {
  const kernels::MaxPoolShape s = max_pool2d_shape(l.input_shape(0), max_pool2d_params(l.node().attributes));
  Operand from = l.any(l.input(0));
  if (!from.scale)
    if (const std::optional<Int8Scale> scale = l.scale_of_all_readers(l.node().output))
      from = l.quantized_at(l.input(0), *scale);
  const auto bind = [s](Binding& at) -> Run {
    if (at.reads_bytes())
      return [=, x = at.byte_input(), y = at.byte_output()](const Memory& m) { kernels::max_pool_u8(s, x(m), y(m)); };
    return [=, x = at.real_input(), y = at.real_output()](const Memory& m) {
      kernels::max_pool_forward(s, x(m), y(m), nullptr);
    };
  };
  l.define_like(from, l.add_step(ops::kMaxPool2d, Computation{bind}, {from}, l.output_shape(), from.scale.has_value()));
}

void lower_average(Lowering& l, kernels::AvgPoolShape shape) {
  const auto windows = static_cast<std::int64_t>((shape.rows.size() + shape.columns.size()) * sizeof(kernels::Window));
  const auto s = std::make_shared<const kernels::AvgPoolShape>(std::move(shape));
  const auto bind = [s](Binding& at) -> Run {
    return
        [=, x = at.real_input(), y = at.real_output()](const Memory& m) { kernels::avg_pool_forward(*s, x(m), y(m)); };
  };
  l.define_real(
      l.add_step(l.node().op.c_str(), Computation{bind, windows}, {{l.real(l.input(0)), {}}}, l.output_shape(), false));
}

void lower_avg_pool(Lowering& l) {
  lower_average(l, avg_pool2d_shape(l.input_shape(0), avg_pool2d_params(l.node().attributes)));
}

void lower_adaptive_avg_pool(Lowering& l) {
  lower_average(l, adaptive_avg_pool2d_shape(l.input_shape(0), size_attribute(l.node().attributes, "output_size", 1)));
}

}  // namespace

std::span<const NamedExecution> pool_executions() {
  static constexpr NamedExecution kAll[] = {{ops::kMaxPool2d, lower_max_pool},
                                            {ops::kAvgPool2d, lower_avg_pool},
                                            {ops::kAdaptiveAvgPool2d, lower_adaptive_avg_pool}};
  return kAll;
}

}  // namespace octet::deploy
