// SPDX-License-Identifier: Apache-2.0
// Element-wise ops in a plan.
#include <algorithm>
#include <limits>

#include "octet/base/error.h"
#include "octet/deploy/binding.h"
#include "octet/deploy/execution.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/float/function.h"

namespace octet::deploy {
namespace {

void lower_clamp(Lowering& l, float low, float high) {
  l.define_real(l.add_step(l.node().op.c_str(), Clip{low, high}, {{l.real(l.input(0)), {}}}, l.output_shape(), false));
}

void lower_relu(Lowering& l) { lower_clamp(l, 0.0F, std::numeric_limits<float>::infinity()); }
void lower_relu6(Lowering& l) { lower_clamp(l, 0.0F, 6.0F); }
void lower_clip(Lowering& l) {
  const ClipParams p = clip_params(l.node().attributes);
  lower_clamp(l, static_cast<float>(p.min), static_cast<float>(p.max));
}

void lower_add(Lowering& l) {
  require(l.input_shape(0) == l.input_shape(1),
          "adding tensors of different shapes is not supported: ", l.input_shape(0), " and ", l.input_shape(1));
  l.define_real(l.add_step(ops::kAdd, Add{}, {l.any(l.input(0)), l.any(l.input(1))}, l.output_shape(), false));
}

}  // namespace

void lower_function(Lowering& l) {
  const Operator& op = get_operator(l.node().op);
  const auto bind = [f = *op.function, a = function_option(op, l.node().attributes)](Binding& at) -> Run {
    return [=, count = at.output_count(), x = at.real_input(), y = at.real_output()](const Memory& m) {
      kernels::function_forward(f, a, count, x(m), y(m));
    };
  };
  l.define_real(l.add_step(op.name, Computation{bind}, {{l.real(l.input(0)), {}}}, l.output_shape(), false));
}

Run bind(const Clip& work, Binding& at) {
  const Real x = at.real_input(), y = at.real_output();
  const std::int64_t count = at.output_count();
  if (work.low == 0.0F && work.high == 6.0F)
    return [=](const Memory& m) { kernels::function_forward(kernels::Function::kRelu6, 0.0F, count, x(m), y(m)); };
  if (work.low == 0.0F && work.high > 3e38F)
    return [=](const Memory& m) {
      kernels::epilogue_forward({count, 1}, {{.x = x(m)}, {}}, kernels::kReluClamp, y(m));
    };
  return [=](const Memory& m) {
    std::transform(x(m), x(m) + count, y(m), [&](float v) {
      return v < work.low ? work.low : v > work.high ? work.high : v;
    });
  };
}

Run bind(const Add&, Binding& at) {
  const Real a = at.real_input(0), b = at.real_input(1), y = at.real_output();
  const std::int64_t count = at.output_count();
  return [=](const Memory& m) {
    kernels::epilogue_forward({count, 1}, {{.x = a(m)}, {.x = b(m)}}, kernels::kNoClamp, y(m));
  };
}

std::span<const NamedExecution> elementwise_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kRelu, lower_relu}, {ops::kRelu6, lower_relu6}, {ops::kClip, lower_clip}, {ops::kAdd, lower_add}};
  return kAll;
}

}  // namespace octet::deploy
