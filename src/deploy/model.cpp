// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/model.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "octet/base/error.h"
#include "octet/deploy/plan.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/kernels/parallel.h"

namespace octet::deploy {

namespace {

constexpr std::size_t kMostPlans = 8;  // kept: each has the weights in its formats

struct KeptPlan {
  std::int64_t batch;
  int threads;
  std::shared_ptr<const Plan> plan;
};

}  // namespace

struct Model::State {
  std::string source;
  Graph graph;
  Shape input;  // -1 first: any batch
  mutable std::mutex mutex;
  mutable std::vector<KeptPlan> plans;  // the latest used last

  std::shared_ptr<const Plan> plan(std::int64_t batch) const;
  std::shared_ptr<const Plan> make_plan(std::int64_t batch, int threads) const;
  Program program(std::int64_t batch) const;
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
  Program program = lower(fold_bias(std::move(sized)));
  fuse(program);
  return program;
}

std::shared_ptr<const Plan> Model::State::make_plan(std::int64_t batch, int threads) const {
  const ContextScope scope(source);
  const Program whole = program(batch);
  const Slicing slicing = choose_slicing(whole, batch, threads);
  const bool any_batch = input[0] < 0;
  if (!any_batch || slicing.steps == 0 || slicing.inputs == batch) return std::make_shared<const Plan>(whole);
  try {
    return std::make_shared<const Plan>(in_slices(whole, program(slicing.inputs), slicing, batch));
  } catch (const Error&) {  // a reshape, say, that allows this batch alone
    return std::make_shared<const Plan>(whole);
  }
}

std::shared_ptr<const Plan> Model::State::plan(std::int64_t batch) const {
  check_batch(batch);
  const int threads = kernels::num_threads();
  const std::lock_guard lock(mutex);
  const auto found =
      std::ranges::find_if(plans, [&](const KeptPlan& kept) { return kept.batch == batch && kept.threads == threads; });
  if (found != plans.end()) {
    std::rotate(found, found + 1, plans.end());
  } else {
    KeptPlan made{batch, threads, make_plan(batch, threads)};
    if (plans.size() == kMostPlans) plans.erase(plans.begin());
    plans.push_back(std::move(made));
  }
  return plans.back().plan;
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Model Model::load(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->source = path.string();
  state->graph = read_onnx_file(path);
  Model model(std::move(state));
  model.check();
  return model;
}

Model Model::parse(std::string_view bytes, const std::string& source) {
  auto state = std::make_unique<State>();
  state->source = source;
  state->graph = read_onnx(bytes, source);
  Model model(std::move(state));
  model.check();
  return model;
}

void Model::check() {
  State& state = *state_;
  require(state.graph.inputs.size() == 1 && state.graph.outputs.size() == 1, state.source,
          ": the model must have one input and one output, has ", state.graph.inputs.size(), " and ",
          state.graph.outputs.size());
  state.input = state.graph.values[static_cast<std::size_t>(state.graph.inputs[0])].shape;
  require(std::ranges::all_of(state.input.begin() + 1, state.input.end(), [](std::int64_t size) { return size > 0; }),
          state.source, ": all sizes of the input but the batch must be known, they are ", state.input);
  prepare(std::max<std::int64_t>(state.input[0], 1));  // finds what is not supported now, not in the first run
}

Shape Model::input_shape() const { return state_->input; }

const std::map<std::string, std::string>& Model::metadata() const { return state_->graph.metadata; }

Shape Model::output_shape() const {
  Shape shape = state_->plan(std::max<std::int64_t>(state_->input[0], 1))->output_shape();
  if (!shape.empty()) shape[0] = state_->input[0];
  return shape;
}

void Model::prepare(std::int64_t batch) const { state_->plan(batch); }

namespace {

void check_input(const std::string& source, const Shape& shape, std::int64_t batch, std::size_t count) {
  std::int64_t expected = batch;
  for (std::size_t i = 1; i < shape.size(); ++i) expected *= shape[i];
  require(static_cast<std::int64_t>(count) == expected, source, ": the input must have ", expected,
          " values for a batch of ", batch, ", has ", count);
}

}  // namespace

void Model::run(std::span<const float> input, std::int64_t batch, std::span<float> output) const {
  const std::shared_ptr<const Plan> kept = state_->plan(batch);
  const Plan& plan = *kept;
  check_input(state_->source, state_->input, batch, input.size());
  require(static_cast<std::int64_t>(output.size()) == element_count(plan.output_shape()), state_->source,
          ": the output has ", element_count(plan.output_shape()), " values, there is room for ", output.size());
  plan.run(input.data(), output.data());
}

std::vector<float> Model::run(std::span<const float> input, std::int64_t batch) const {
  std::vector<float> output(static_cast<std::size_t>(element_count(state_->plan(batch)->output_shape())));
  run(input, batch, output);
  return output;
}

std::vector<LayerTime> Model::profile(std::span<const float> input, std::int64_t batch, int repetitions) const {
  using Clock = std::chrono::steady_clock;
  const std::shared_ptr<const Plan> kept = state_->plan(batch);
  const Plan& plan = *kept;
  check_input(state_->source, state_->input, batch, input.size());
  require(repetitions >= 1, "profile: repetitions must be at least 1, got ", repetitions);
  std::vector<float> output(static_cast<std::size_t>(element_count(plan.output_shape())));
  const Plan::Arena arena(plan);
  const Memory memory{arena.data(), input.data(), output.data()};
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
