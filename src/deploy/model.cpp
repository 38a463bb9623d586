// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/model.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <new>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/deploy/plan.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"

namespace octet::deploy {

namespace {

constexpr std::size_t kMostPlans = 64;
constexpr std::int64_t kMostPlanBytes = std::int64_t{64} << 20;

// A plan is made by the first that asks for it, while others that ask for the same one wait.
struct KeptPlan {
  KeptPlan(std::int64_t for_batch, int for_threads) : batch(for_batch), threads(for_threads) {}

  const std::int64_t batch;
  const int threads;
  std::mutex making;
  std::shared_ptr<const Plan> plan;     // with `making` held
  std::atomic<std::int64_t> bytes = 0;  // of it, once it is there
};

}  // namespace

struct Model::State {
  std::string source;
  Graph graph;
  Shape input, output;                 // -1 first: any batch
  std::int64_t largest_run_bytes = 0;  // for one input, or for the batch that the file says
  mutable SharedConstants shared;
  mutable std::mutex mutex;
  mutable std::vector<std::shared_ptr<KeptPlan>> plans;  // the latest used last

  std::shared_ptr<const Plan> plan(std::int64_t batch) const;
  std::shared_ptr<KeptPlan> kept_plan(std::int64_t batch, int threads) const;
  void forget_old_plans() const;
  std::shared_ptr<const Plan> make_plan(std::int64_t batch, int threads) const;
  Program program(std::int64_t batch) const;
  std::int64_t run_bytes(const Program& program, std::int64_t batch) const;
  void check(const ModelLimits& limits);
  void check_input(std::int64_t batch, std::size_t count) const;
  void run(const Plan& plan, std::span<const float> from, std::span<float> to) const;
  void check_batch(std::int64_t batch) const {
    require(batch >= 1, source, ": the batch must be at least 1, is ", batch);
    require(input[0] < 0 || input[0] == batch, source, ": the model is for a batch of ", input[0], ", not ", batch);
  }
};

Program Model::State::program(std::int64_t batch) const {
  Graph sized = graph;
  Shape shape = input;
  shape[0] = batch;
  infer_shapes(sized, {&shape, 1});
  Program program = lower(fold_bias(std::move(sized)), shared);
  fuse(program);
  return program;
}

std::int64_t Model::State::run_bytes(const Program& program, std::int64_t batch) const {
  std::int64_t values = batch;
  for (std::size_t i = 1; i < input.size(); ++i) values *= input[i];
  values += element_count(program.tensors[static_cast<std::size_t>(program.output)].shape);
  return lay_out(program).bytes + values * static_cast<std::int64_t>(sizeof(float));
}

std::shared_ptr<const Plan> Model::State::make_plan(std::int64_t batch, int threads) const {
  const ContextScope scope(source);
  const Program whole = program(batch);
  const Slicing slicing = choose_slicing(whole, batch, threads);
  const bool any_batch = input[0] < 0;
  if (!any_batch || slicing.steps == 0 || slicing.inputs == batch) return std::make_shared<const Plan>(whole, shared);
  try {
    return std::make_shared<const Plan>(in_slices(whole, program(slicing.inputs), slicing, batch), shared);
  } catch (const Error&) {  // a reshape, say, that allows this batch alone
    return std::make_shared<const Plan>(whole, shared);
  }
}

std::shared_ptr<KeptPlan> Model::State::kept_plan(std::int64_t batch, int threads) const {
  const std::lock_guard lock(mutex);
  const auto found =
      std::ranges::find_if(plans, [&](const auto& kept) { return kept->batch == batch && kept->threads == threads; });
  if (found != plans.end())
    std::rotate(found, found + 1, plans.end());
  else
    plans.push_back(std::make_shared<KeptPlan>(batch, threads));
  return plans.back();
}

void Model::State::forget_old_plans() const {
  const std::lock_guard lock(mutex);
  std::int64_t bytes = 0;
  for (const auto& kept : plans) bytes += kept->bytes;
  while (plans.size() > 1 && (plans.size() > kMostPlans || bytes > kMostPlanBytes)) {
    bytes -= plans.front()->bytes;
    plans.erase(plans.begin());
  }
}

std::shared_ptr<const Plan> Model::State::plan(std::int64_t batch) const {
  const FloatEnvironment numbers;
  check_batch(batch);
  const int threads = kernels::num_threads();
  const std::shared_ptr<KeptPlan> kept = kept_plan(batch, threads);
  const std::lock_guard lock(kept->making);
  if (!kept->plan) {
    try {
      kept->plan = make_plan(batch, threads);
    } catch (const std::bad_alloc&) {
      fail(source, ": out of memory while planning for a batch of ", batch);
    }
    kept->bytes = kept->plan->own_bytes();
    forget_old_plans();
  }
  return kept->plan;
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

template <typename F>
Model Model::make(const std::string& source, const ModelLimits& limits, const F& read) {
  try {
    auto state = std::make_unique<State>();
    state->source = source;
    state->graph = read();
    state->check(limits);
    return Model(std::move(state));
  } catch (const std::bad_alloc&) {
    fail(source, ": out of memory while the model is loaded");
  }
}

Model Model::load(const std::filesystem::path& path, const ModelLimits& limits) {
  return make(path.string(), limits, [&] { return read_onnx_file(path); });
}

Model Model::parse(std::string_view bytes, const std::string& source, const ModelLimits& limits) {
  return make(source, limits, [&] { return read_onnx(bytes, source); });
}

// Finds what is not supported now, not in the first run, without memory for images and without kernels.
void Model::State::check(const ModelLimits& limits) {
  require(graph.inputs.size() == 1 && graph.outputs.size() == 1, source,
          ": the model must have one input and one output, has ", graph.inputs.size(), " and ", graph.outputs.size());
  input = graph.values[static_cast<std::size_t>(graph.inputs[0])].shape;
  require(std::ranges::all_of(input.begin() + 1, input.end(), [](std::int64_t size) { return size > 0; }), source,
          ": all sizes of the input but the batch must be known, they are ", input);
  const ContextScope scope(source);
  const std::int64_t batch = std::max<std::int64_t>(input[0], 1);
  const Program least = program(batch);
  const std::int64_t bytes = run_bytes(least, batch);
  if (bytes > limits.run_bytes) {
    const Step* const largest = largest_step(least);
    const ContextScope layer(largest ? std::string_view(largest->name) : "input");
    fail("a run for ", batch, batch == 1 ? " input" : " inputs", " of ", input, " takes ", bytes,
         " bytes, most of them here; the limit is ", limits.run_bytes);
  }
  output = least.tensors[static_cast<std::size_t>(least.output)].shape;
  if (!output.empty()) output[0] = input[0];
}

void Model::State::check_input(std::int64_t batch, std::size_t count) const {
  check_batch(batch);
  std::int64_t one = 1;
  for (std::size_t i = 1; i < input.size(); ++i) one *= input[i];
  const auto given = static_cast<std::int64_t>(count);
  require(given % one == 0 && given / one == batch, source, ": the input must have ", one, " values for each of ",
          batch, batch == 1 ? " input, has " : " inputs, has ", given);
}

Shape Model::input_shape() const { return state_->input; }

const std::map<std::string, std::string>& Model::metadata() const { return state_->graph.metadata; }

Shape Model::output_shape() const { return state_->output; }

void Model::prepare(std::int64_t batch) const { state_->plan(batch); }

std::int64_t Model::run_bytes(std::int64_t batch) const {
  state_->check_batch(batch);
  const ContextScope scope(state_->source);
  return state_->run_bytes(state_->program(batch), batch);
}

void Model::State::run(const Plan& plan, std::span<const float> from, std::span<float> to) const {
  const FloatEnvironment numbers;
  const ContextScope scope(source);
  const std::int64_t values = element_count(plan.output_shape());
  require(static_cast<std::int64_t>(to.size()) == values, "the output has ", values, " values, there is room for ",
          to.size());
  plan.run(from.data(), to.data());
}

void Model::run(std::span<const float> input, std::int64_t batch, std::span<float> output) const {
  state_->check_input(batch, input.size());
  state_->run(*state_->plan(batch), input, output);
}

std::vector<float> Model::run(std::span<const float> input, std::int64_t batch) const {
  state_->check_input(batch, input.size());
  const std::shared_ptr<const Plan> plan = state_->plan(batch);
  std::vector<float> output(static_cast<std::size_t>(element_count(plan->output_shape())));
  state_->run(*plan, input, output);
  return output;
}

std::vector<LayerTime> Model::profile(std::span<const float> input, std::int64_t batch, int repetitions) const {
  const FloatEnvironment numbers;
  using Clock = std::chrono::steady_clock;
  state_->check_input(batch, input.size());
  const std::shared_ptr<const Plan> kept = state_->plan(batch);
  const Plan& plan = *kept;
  const ContextScope scope(state_->source);
  require(repetitions >= 1, "profile: repetitions must be at least 1, got ", repetitions);
  std::vector<float> output(static_cast<std::size_t>(element_count(plan.output_shape())));
  const kernels::Buffer arena = plan.make_arena();
  const Memory memory{static_cast<std::byte*>(arena.data()), input.data(), output.data()};
  std::vector<std::vector<double>> times(plan.steps().size());
  for (int i = 0; i < repetitions; ++i) {
    for (std::vector<double>& step : times) step.push_back(0.0);
    Clock::time_point begin = Clock::now();
    plan.run_steps(memory, [&](std::size_t step) {
      const Clock::time_point end = Clock::now();
      times[step].back() += std::chrono::duration<double, std::milli>(end - begin).count();
      begin = end;
    });
  }
  std::vector<LayerTime> layers;
  for (std::size_t s = 0; s < times.size(); ++s) {
    const auto middle = times[s].begin() + static_cast<std::ptrdiff_t>(times[s].size() / 2);
    std::nth_element(times[s].begin(), middle, times[s].end());
    const BoundStep& step = plan.steps()[s];
    layers.push_back({step.name, step.operation, step.implementation, *middle, step.giga_operations});
  }
  return layers;
}

}  // namespace octet::deploy
