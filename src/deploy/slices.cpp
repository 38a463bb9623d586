// SPDX-License-Identifier: Apache-2.0
// The first layers of a network have many activations and few weights: for a whole batch, what one layer writes has
// left the cache when the next one reads it. They therefore run for some inputs, one after the other, and then for the
// next. Later layers have many weights and few activations, and run once for the whole batch.
#include <algorithm>
#include <map>

#include "octet/deploy/program.h"

namespace octet::deploy {
namespace {

constexpr std::int64_t kCache = 1 << 20;  // bytes of a layer's activations that stay near a core

const TensorInfo& info(const Program& program, int tensor) { return program.tensors[static_cast<std::size_t>(tensor)]; }

// Calls f(tensor) with all that a step reads and writes.
template <typename S, typename F>
void for_tensors(S& step, const F& f) {
  for (auto& operand : step.inputs) f(operand.tensor);
  if (step.output >= 0) f(step.output);
  if (step.quantized_output >= 0) f(step.quantized_output);
}

std::int64_t weight_bytes(const Step& step) {
  const Int8Conv* const conv = std::get_if<Int8Conv>(&step.work);
  return conv ? std::ssize(*conv->weights) : 0;
}

bool runs_for_whole_batch(const Step& step) {
  const Computation* const computation = std::get_if<Computation>(&step.work);
  return computation && computation->for_whole_batch;
}

// Whether each input has its own part of every tensor.
bool is_separable(const Program& program, std::int64_t batch) {
  return std::ranges::all_of(program.tensors,
                             [&](const TensorInfo& t) { return !t.shape.empty() && t.shape[0] == batch; });
}

}  // namespace

Slicing choose_slicing(const Program& program, std::int64_t batch, int threads) {
  Slicing slicing{0, batch};
  std::int64_t largest = 1;  // bytes for one input
  for (const Step& step : program.steps) {
    std::int64_t bytes = 0;
    for_tensors(step, [&](int tensor) { bytes += info(program, tensor).bytes() / batch; });
    if (runs_for_whole_batch(step) || weight_bytes(step) > bytes) break;
    largest = std::max(largest, bytes);
    ++slicing.steps;
  }
  const std::int64_t wanted = std::clamp(threads * kCache / largest, std::int64_t{1}, batch);
  slicing.inputs = wanted;
  while (batch % slicing.inputs != 0) --slicing.inputs;
  // Slices are of one size. Many small ones would cost more than they gain.
  if (2 * slicing.inputs <= wanted) slicing.inputs = batch;
  return slicing;
}

Program in_slices(Program whole, const Program& slice, const Slicing& slicing, std::int64_t batch) {
  if (whole.tensors.size() != slice.tensors.size() || whole.steps.size() != slice.steps.size() ||
      !is_separable(whole, batch) || !is_separable(slice, slicing.inputs))
    return whole;
  std::vector<bool> stays(whole.tensors.size(), false);  // by storage: read when all slices have run
  const auto storage = [&](int tensor) { return static_cast<std::size_t>(info(slice, tensor).storage); };
  stays[storage(whole.output)] = true;
  for (std::size_t i = slicing.steps; i < whole.steps.size(); ++i)
    for_tensors(whole.steps[i], [&](int tensor) { stays[storage(tensor)] = true; });

  std::map<int, int> parts;  // tensor of `slice`, its place in `whole`
  const auto part = [&](int& tensor) {
    const auto [found, is_new] = parts.try_emplace(tensor, static_cast<int>(whole.tensors.size()));
    if (is_new) {
      whole.tensors.push_back(info(slice, tensor));
      whole.tensors.back().part = stays[storage(tensor)];
    }
    tensor = found->second;
  };
  for (std::size_t i = 0; i < slicing.steps; ++i) {
    whole.steps[i] = slice.steps[i];
    for_tensors(whole.steps[i], part);
  }
  whole.sliced_steps = slicing.steps;
  whole.slices = batch / slicing.inputs;
  return whole;
}

}  // namespace octet::deploy
