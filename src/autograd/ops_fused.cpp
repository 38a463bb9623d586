// SPDX-License-Identifier: Apache-2.0
// batch_norm, add and the clamps (relu, relu6, clip), and how they become one: see epilogue.h.
#include <algorithm>
#include <cmath>

#include "octet/autograd/epilogue.h"
#include "octet/autograd/epilogue_backward.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/graph/operators_elementwise.h"

namespace octet {
namespace {

using detail::BatchNormState;
using detail::Epilogue;
using detail::EpilogueBackward;
using detail::has_own_history;
using detail::tape_inputs;
using kernels::Buffer;

// Somebody may write to what the term reads before it is read: a program that holds a pointer, or an optimizer.
bool may_be_written(const Epilogue::Term& term) {
  if (term.sums) return false;
  const Tensor& x = term.norm ? term.norm->x : term.x;
  const bool reads_x = !term.norm || !term.norm->sums;
  return reads_x && (x.body()->storage->exposed || (term.is_plain() && x.requires_grad() && !x.body()->node));
}

// Puts a combination on the tape. `extra` are inputs without gradient (running statistics).
Tensor record_epilogue(const char* op, const Tensor& like, Epilogue epilogue, const DescribeOp& attributes,
                       std::span<const Tensor> extra = {}) {
  std::vector<Tensor> inputs = tape_inputs(epilogue);
  inputs.insert(inputs.end(), extra.begin(), extra.end());
  const bool any_norm = epilogue.per_channel();
  const bool at_once = !any_norm || std::ranges::any_of(epilogue.terms, may_be_written) || TraceRecorder::active();
  EpilogueBackward backward{any_norm ? like.body()->rows() : kernels::Rows{like.size(), 1}, epilogue.clamp};
  for (const Epilogue::Term& term : epilogue.terms) backward.norms.push_back(term.norm);
  // The mask comes from the result, which costs nothing: the next op keeps it, too. From a single batch norm it is
  // computed again, so that its result need not stay. A value at an end of a clip() shows in the terms alone.
  const bool single_norm = any_norm && epilogue.terms.size() == 1;
  const bool from_terms = single_norm || epilogue.clamp.ends_pass;
  if (epilogue.clamp.ends_pass && !single_norm) backward.plain = epilogue.terms[0];
  Tensor y = detail::make_epilogue(op, like.shape(), like.layout(), std::move(epilogue));
  if (backward.clamp.does_something() && !from_terms) backward.y = Saved(op, "its result", y.detach());
  if (at_once) y.values();
  return record(op, std::move(y), inputs, attributes, std::move(backward));
}

// The terms that `t` would compute, if combining them further is the same as reading t: its recipe is still open, and
// its history is its own. Else t itself.
std::vector<Epilogue::Term> terms_of(const Tensor& t) {
  const Epilogue* const open = detail::epilogue_of(t);
  if (!open || open->clamp.does_something() || open->terms[0].sums || !has_own_history(t, *open))
    return {detail::plain_term(t)};
  return open->terms;
}

void update_running(Tensor running, std::span<const float> batch, float momentum, float factor) {
  const std::span<float> values = running.mutable_values();
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = (1.0F - momentum) * values[c] + momentum * (batch[c] * factor);
}

// Mean and variance of x from those of the data behind it.
struct Moments {
  std::vector<float> mean, variance;
};

Moments moments_of_x(const BatchNormState& state, const float* mean, const float* variance) {
  Moments m{{mean, mean + state.channels}, {variance, variance + state.channels}};
  if (!state.sums) return m;
  for (std::size_t c = 0; c < m.mean.size(); ++c) {
    const float factor = state.sums->factor()[c];
    m.mean[c] = (m.mean[c] - state.sums->start()[c]) * factor + state.sums->bias()[c];
    m.variance[c] = m.variance[c] * factor * factor;
  }
  return m;
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormParams& params) {
  const FloatEnvironment numbers;
  detail::require_defined(ops::kBatchNorm, "x", x);
  check_batch_norm(x.shape(), detail::shape_or_null(gamma), detail::shape_or_null(beta),
                   detail::shape_or_null(running_mean), detail::shape_or_null(running_var), params);
  require(x.rank() == 2 || x.layout() == Layout::kChannelsLast, "batch_norm: x must be an activation (channels-last)");
  const kernels::Rows rows = x.body()->rows();
  const bool batch_statistics = params.training || !running_mean.defined();
  require(!batch_statistics || rows.rows > 1, "batch_norm: training needs more than one value per channel, got x ",
          x.shape());

  auto state = std::make_shared<BatchNormState>();
  state->x = x;
  // With running statistics the definition rounds x first (docs/numerics.md); those of the batch are of the sums.
  if (batch_statistics) state->sums = detail::integer_sums_of(x);
  state->data = detail::snapshot(state->sums ? state->sums->sums : x);
  state->gamma = gamma;
  state->beta = beta;
  state->channels = rows.channels;
  state->training = batch_statistics;
  state->values = Buffer::floats(5 * rows.channels);
  const Buffer variance = Buffer::floats(rows.channels);
  Moments x_moments;
  if (batch_statistics) {
    kernels::channel_moments(rows, state->data->floats(), state->mean(), variance.floats());
    x_moments = moments_of_x(*state, state->mean(), variance.floats());
    std::ranges::copy(x_moments.variance, variance.floats());
  } else {
    std::ranges::copy(running_mean.values(), state->mean());
    std::ranges::copy(running_var.values(), variance.floats());
  }
  for (std::int64_t c = 0; c < rows.channels; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const float r = kernels::inverse_deviation(variance.floats()[c], static_cast<double>(params.eps));
    state->inverse_std()[c] = r;
    state->gamma_over_std()[c] = gamma.defined() ? gamma.values()[at] * r : r;
    state->scale()[c] = state->gamma_over_std()[c] * (state->sums ? state->sums->factor()[c] : 1.0F);
    state->shift()[c] = beta.defined() ? beta.values()[at] : 0.0F;
  }

  const Tensor running[] = {running_mean, running_var};
  if (params.training && running_mean.defined())
    for (Tensor t : running) t.mutable_values();  // may take memory: before anything has happened
  const auto attributes = [params] { return attributes_of(params); };
  Tensor y = record_epilogue(ops::kBatchNorm, x, {{{.norm = std::move(state)}}}, attributes, running);
  if (params.training && running_mean.defined()) {  // last, when nothing can fail any more
    const auto count = static_cast<float>(rows.rows);
    update_running(running_mean, x_moments.mean, params.momentum, 1.0F);
    update_running(running_var, x_moments.variance, params.momentum, count / (count - 1.0F));
  }
  return y;
}

Tensor relu(const Tensor& x) {
  require(x.defined(), "relu: x is undefined");
  return record_epilogue(ops::kRelu, x, {terms_of(x), kernels::kReluClamp}, nullptr);
}

Tensor relu6(const Tensor& x) {
  detail::require_defined(ops::kRelu6, "x", x);
  return record_epilogue(ops::kRelu6, x, {terms_of(x), kernels::kRelu6Clamp}, nullptr);
}

Tensor clip(const Tensor& x, float min, float max) {
  detail::require_defined(ops::kClip, "x", x);
  const ClipParams params{static_cast<double>(min), static_cast<double>(max)};
  check_clip(params);
  std::vector<Epilogue::Term> terms = terms_of(x);
  if (terms.size() > 1 || terms[0].integers) terms = {{.x = x, .values = detail::snapshot(x)}};
  return record_epilogue(ops::kClip, x, {std::move(terms), {.low = min, .high = max, .ends_pass = true}},
                         [params] { return attributes_of(params); });
}

namespace {

// A one-element operand: y = x + value, dvalue = sum dy.
Tensor add_scalar(const Tensor& x, const Tensor& value) {
  const FloatEnvironment numbers;
  Tensor y = Tensor::empty(x.shape(), x.layout());
  const float added = value.item();
  std::ranges::transform(x.values(), detail::fresh_values(y), [added](float v) { return v + added; });
  return record(ops::kAdd, y, {x, value}, nullptr, [shape = value.shape()](const Tensor& dy, const NeedsGrad& needs) {
    std::vector<Tensor> grads(2);
    if (needs[0]) grads[0] = dy;
    if (needs[1]) grads[1] = Tensor::full(shape, sum(dy).item());
    return grads;
  });
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  require(a.defined() && b.defined(), "add: an operand is undefined");
  if (a.shape() != b.shape()) {
    if (b.size() == 1 && (a.size() != 1 || a.rank() >= b.rank())) return add_scalar(a, b);
    if (a.size() == 1) return add_scalar(b, a);
  }
  require(a.shape() == b.shape() && a.layout() == b.layout(),
          "add: shapes must be equal, or one operand a single element: ", a.shape(), " and ", b.shape(),
          a.shape() == b.shape() ? " (an activation and a weight: their orders in memory differ)" : "");
  Epilogue epilogue;
  for (const Tensor* operand : {&a, &b}) {
    const std::vector<Epilogue::Term> terms = terms_of(*operand);
    epilogue.terms.push_back(terms.size() == 1 ? terms[0] : detail::plain_term(*operand));
  }
  return record_epilogue(ops::kAdd, a, std::move(epilogue), nullptr);
}

namespace detail {

std::span<const NamedExecution> fused_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kBatchNorm,
       [](std::span<const Tensor> in, const Attributes& a) {
         return batch_norm(in[0], input_or_none(in, 1), input_or_none(in, 2), input_or_none(in, 3),
                           input_or_none(in, 4), batch_norm_params(a));
       }},
      {ops::kRelu, [](std::span<const Tensor> in, const Attributes&) { return relu(in[0]); }},
      {ops::kRelu6, [](std::span<const Tensor> in, const Attributes&) { return relu6(in[0]); }},
      {ops::kClip,
       [](std::span<const Tensor> in, const Attributes& a) {
         const ClipParams p = clip_params(a);
         return clip(in[0], static_cast<float>(p.min), static_cast<float>(p.max));
       }},
      {ops::kAdd, [](std::span<const Tensor> in, const Attributes&) { return add(in[0], in[1]); }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
