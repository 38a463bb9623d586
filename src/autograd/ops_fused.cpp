// SPDX-License-Identifier: Apache-2.0
// batch_norm, add and relu, and how they become one: each notes a Pending (see body.h) in place of values, and the tape
// entry of a combination goes straight from its result to the inputs of its batch norms (epilogue_backward.h).
#include <algorithm>
#include <cmath>

#include "octet/autograd/epilogue_backward.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/graph/operators_elementwise.h"

namespace octet {
namespace {

using detail::BatchNormState;
using detail::EpilogueBackward;
using detail::has_own_history;
using detail::Pending;
using detail::tape_inputs;
using kernels::Buffer;

bool is_parameter(const Pending::Term& term) {
  return !term.norm && !term.sums && term.x.requires_grad() && !term.x.body()->node;
}

// Puts a combination on the tape. `extra` are inputs without gradient (running statistics).
Tensor record_pending(const char* op, const Tensor& like, Pending pending, const DescribeOp& attributes,
                      std::span<const Tensor> extra = {}) {
  std::vector<Tensor> inputs = tape_inputs(pending);
  inputs.insert(inputs.end(), extra.begin(), extra.end());
  const bool any_norm = pending.per_channel();
  EpilogueBackward backward{any_norm ? like.body()->rows() : kernels::Rows{like.size(), 1}, {}, pending.relu, {}};
  for (const Pending::Term& term : pending.terms) backward.norms.push_back(term.norm);
  const bool single_norm = any_norm && pending.terms.size() == 1;
  const bool reads_parameter = std::ranges::any_of(pending.terms, is_parameter);  // an optimizer may write to it soon
  Tensor y = detail::make_pending(like.shape(), like.layout(), std::move(pending));
  if (backward.relu && !single_norm) backward.y = y.detach();
  if (!any_norm || reads_parameter || TraceRecorder::active()) y.values();
  return record(op, std::move(y), inputs, attributes, std::move(backward));
}

// The terms that `t` would compute, if combining them further is the same as reading t: its recipe is still open, and
// its history is its own. Else t itself.
std::vector<Pending::Term> terms_of(const Tensor& t) {
  const Pending* pending = detail::pending_of(t);
  if (!pending || pending->relu || pending->terms[0].sums || !has_own_history(t, *pending)) return {{t, nullptr}};
  return pending->terms;
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
  state->gamma = gamma;
  state->beta = beta;
  state->channels = rows.channels;
  state->training = batch_statistics;
  state->values = Buffer::floats(4 * rows.channels);
  float* const mean = state->values.floats();
  float *r = mean + rows.channels, *scale = r + rows.channels, *shift = scale + rows.channels;
  const Buffer variance = Buffer::floats(rows.channels);
  const auto channels = static_cast<std::size_t>(rows.channels);
  Moments x_moments;
  if (batch_statistics) {
    kernels::channel_moments(rows, state->data(), mean, variance.floats());
    x_moments = moments_of_x(*state, mean, variance.floats());
    std::ranges::copy(x_moments.variance, variance.floats());
  } else {
    std::ranges::copy(running_mean.values(), mean);
    std::ranges::copy(running_var.values(), variance.floats());
  }
  for (std::size_t c = 0; c < channels; ++c) {
    r[c] = static_cast<float>(1.0 /
                              std::sqrt(static_cast<double>(variance.floats()[c]) + static_cast<double>(params.eps)));
    scale[c] = gamma.defined() ? gamma.values()[c] * r[c] : r[c];
    if (state->sums) scale[c] *= state->sums->factor()[c];
    shift[c] = beta.defined() ? beta.values()[c] : 0.0F;
  }

  const Tensor running[] = {running_mean, running_var};
  const auto attributes = [params] { return attributes_of(params); };
  Tensor y = record_pending(ops::kBatchNorm, x, Pending{{{x, std::move(state)}}, false}, attributes, running);
  if (params.training && running_mean.defined()) {  // last, when nothing can fail any more
    const auto count = static_cast<float>(rows.rows);
    update_running(running_mean, x_moments.mean, params.momentum, 1.0F);
    update_running(running_var, x_moments.variance, params.momentum, count / (count - 1.0F));
  }
  return y;
}

Tensor relu(const Tensor& x) {
  require(x.defined(), "relu: x is undefined");
  return record_pending(ops::kRelu, x, Pending{terms_of(x), true}, nullptr);
}

namespace detail {

Tensor pending_sum(const Tensor& a, const Tensor& b) {
  return make_pending(a.shape(), a.layout(), Pending{{{a, nullptr}, {b, nullptr}}, false});
}

}  // namespace detail

namespace {

// A one-element operand: y = x + value, dvalue = sum dy.
Tensor add_scalar(const Tensor& x, const Tensor& value) {
  const FloatEnvironment numbers;
  Tensor y = Tensor::empty(x.shape(), x.layout());
  const float added = value.item();
  std::ranges::transform(x.values(), y.mutable_values().begin(), [added](float v) { return v + added; });
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
  Pending pending;
  for (const Tensor* operand : {&a, &b}) {
    const std::vector<Pending::Term> terms = terms_of(*operand);
    pending.terms.push_back(terms.size() == 1 ? terms[0] : Pending::Term{*operand, nullptr});
  }
  return record_pending(ops::kAdd, a, std::move(pending), nullptr);
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
      {ops::kAdd, [](std::span<const Tensor> in, const Attributes&) { return add(in[0], in[1]); }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
