// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/plan.h"

#include <algorithm>
#include <new>
#include <utility>

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/float/layout.h"

namespace octet::deploy {
namespace {

BoundStep bound(const Step& step, Binding at) {
  BoundStep result{step.name, step.operation, {}, 0.0, 0, {}};
  result.run = std::visit([&](const auto& work) { return bind(work, at); }, step.work);
  result.implementation = std::move(at.implementation);
  result.giga_operations = at.giga_operations;
  result.bytes = at.bytes;
  return result;
}

// Copies the network's result to the caller's memory.
Run bind_store(Binding& at) {
  const Shape& shape = at.input_shape();
  const Real y = at.real_input();
  if (shape.size() != 4) return [y, n = element_count(shape)](const Memory& m) { std::copy_n(y(m), n, m.output); };
  return [y, batch = images(shape)](const Memory& m) { kernels::nhwc_to_nchw(batch, y(m), m.output); };
}

}  // namespace

Plan::Plan(const Program& program, SharedConstants& shared)
    : sliced_steps_(program.sliced_steps), slices_(program.slices) {
  const ArenaLayout layout = lay_out(program);
  arena_bytes_ = layout.bytes;
  if (const Step* const largest = largest_step(program)) largest_ = largest->name;
  output_shape_ = program.tensors[static_cast<std::size_t>(program.output)].shape;
  for (const Step& step : program.steps) {
    const ContextScope scope(step.name);
    steps_.push_back(bound(step, Binding(program, layout, shared, step)));
    if (steps_.size() <= sliced_steps_) steps_.back().giga_operations *= static_cast<double>(slices_);
  }
  const Step store{"output", "store", Computation{bind_store}, {{program.output, {}}}};
  steps_.push_back(bound(store, Binding(program, layout, shared, store)));
  constexpr std::size_t kClosure = 256;
  for (const BoundStep& step : steps_)
    own_bytes_ += step.bytes + static_cast<std::int64_t>(sizeof step + kClosure + step.name.size() +
                                                         step.operation.size() + step.implementation.size());
}

void Plan::run_step(const BoundStep& step, const Memory& memory) {
  const ContextScope scope(step.name);
  try {
    step.run(memory);
  } catch (const std::bad_alloc&) {
    fail("out of memory");
  }
}

kernels::Buffer Plan::make_arena() const {
  const ContextScope scope(largest_);
  return kernels::Buffer(arena_bytes_);
}

void Plan::run(const float* input, float* output) const {
  const kernels::Buffer arena = make_arena();
  run_steps({static_cast<std::byte*>(arena.data()), input, output}, [](std::size_t) {});
}

const Step* largest_step(const Program& program) {
  const auto bytes = [&](const Step& step) {
    std::int64_t sum = 0;
    for (const int tensor : {step.output, step.quantized_output})
      if (tensor >= 0) sum += program.tensors[static_cast<std::size_t>(tensor)].bytes();
    return sum;
  };
  const auto largest = std::ranges::max_element(program.steps, {}, bytes);
  return largest == program.steps.end() ? nullptr : &*largest;
}

}  // namespace octet::deploy
