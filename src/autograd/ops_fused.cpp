// SPDX-License-Identifier: Apache-2.0
// batch_norm, add and relu, and how they become one: each notes a Pending (see body.h) in place of values, and the tape
// entry of a combination goes straight from its result to the inputs of its batch norms. With
//   y = relu(bn(x) + z),  d = mask * dy,  s0 = sum d,  s1 = sum d * (x - mean)      (over the batch, per channel)
// the gradients are
//   dz = d,  dbeta = s0,  dgamma = s1 * r,  dx = gamma * r * (d - s0/M - (x - mean) * r^2 * s1/M)
// with r = 1/sqrt(var + eps) and M values per channel (Ioffe and Szegedy, 2015); in evaluation the last two terms of dx
// vanish.
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "octet/autograd/body.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/trace.h"
#include "octet/base/error.h"
#include "octet/kernels/epilogue.h"

namespace octet {
namespace {

using detail::BatchNormState;
using detail::Pending;
using kernels::Buffer;

using NormPtr = std::shared_ptr<const BatchNormState>;

void require_finite(const char* layer, const Tensor& x, bool finite) {
  require(finite, layer, ": the input has values that are not finite (x ", x.shape(), ")");
}

// ---- backward of a combination -------------------------------------------------------------------------------------

// The inputs of a combination as the tape sees them: x, gamma, beta of each batch norm, x of each plain term.
std::vector<Tensor> tape_inputs(const Pending& pending) {
  std::vector<Tensor> inputs;
  for (const Pending::Term& term : pending.terms) {
    inputs.push_back(term.norm ? term.norm->x : term.x);
    if (term.norm) inputs.insert(inputs.end(), {term.norm->gamma, term.norm->beta});
  }
  return inputs;
}

kernels::EpilogueTerm term_of(const BatchNormState& norm) {
  return {norm.data(), norm.mean(), norm.scale(), norm.shift()};
}

// What upstream sent: one tensor, or two still to be added.
void read_upstream(const Tensor& dy, kernels::EpilogueGradient& g) {
  const Pending* pending = detail::pending_of(dy);
  const auto plain = [](const Pending::Term& term) { return !term.norm && !term.sums; };
  if (pending && !pending->relu && pending->terms.size() == 2 && std::ranges::all_of(pending->terms, plain)) {
    for (int i = 0; i < 2; ++i) g.dy[i] = pending->terms[static_cast<std::size_t>(i)].x.values().data();
  } else {
    g.dy[0] = dy.values().data();
  }
}

// dx, dgamma, dbeta of one batch norm from the sums over the batch, into grads[at ..]; left undefined where not needed.
void norm_gradients(const BatchNormState& norm, const kernels::Rows& rows, const kernels::EpilogueGradient& g, int term,
                    const float* s0, const float* s1, const NeedsGrad& needs, std::size_t at,
                    std::vector<Tensor>& grads) {
  const std::int64_t channels = norm.channels;
  const float* const r = norm.inverse_std();
  if (needs[at]) {
    const Buffer k = Buffer::floats(3 * channels);
    float *k0 = k.floats(), *k1 = k0 + channels, *k2 = k1 + channels;
    const float inverse_count = norm.training ? 1.0F / static_cast<float>(rows.rows) : 0.0F;
    for (std::int64_t c = 0; c < channels; ++c) {
      const float factor = norm.factor(c);  // x - mean is factor times what the sums and the kernel see
      k0[c] = norm.gamma.defined() ? norm.gamma.values()[static_cast<std::size_t>(c)] * r[c] : r[c];
      k1[c] = -k0[c] * r[c] * r[c] * (factor * factor * s1[c]) * inverse_count;
      k2[c] = -k0[c] * s0[c] * inverse_count;
    }
    grads[at] = Tensor::empty(norm.x.shape(), norm.x.layout());
    kernels::epilogue_backward_apply(rows, g, term, k0, k1, k2, grads[at].mutable_values().data());
  }
  if (needs[at + 1]) {
    grads[at + 1] = Tensor::empty(norm.gamma.shape());
    float* const dgamma = grads[at + 1].mutable_values().data();
    for (std::int64_t c = 0; c < channels; ++c) dgamma[c] = norm.factor(c) * s1[c] * r[c];
  }
  if (needs[at + 2]) grads[at + 2] = Tensor::from_values(norm.beta.shape(), {s0, static_cast<std::size_t>(channels)});
}

// The closure of a combination: holds what its batch norms and its mask read, and nothing else.
struct EpilogueBackward {
  kernels::Rows rows;
  std::vector<NormPtr> norms;  // one per term, null for a plain term
  bool relu;
  Tensor y;                                         // the result, where the mask is read from it; else undefined
  std::optional<kernels::ClippedGrid> quantizer{};  // of the result, whose mask is computed again from ...
  std::vector<Pending::Term> quantized_terms{};     // ... these

  std::vector<Tensor> operator()(const Tensor& dy, const NeedsGrad& needs) const {
    kernels::EpilogueGradient g;
    g.relu = relu;
    if (y.defined()) g.y = y.values().data();
    read_upstream(dy, g);
    bool any_norm = false, any_plain = false;
    for (std::size_t t = 0; t < norms.size(); ++t) {
      if (norms[t]) g.terms[t] = term_of(*norms[t]);
      (norms[t] ? any_norm : any_plain) = true;
    }
    if (quantizer) {
      g.quantizer = &*quantizer;
      for (std::size_t t = 0; t < quantized_terms.size(); ++t) g.terms[t] = quantized_terms[t].values();
    }

    // d is written where somebody takes it as it is, or where two batch norms would compute it again.
    const bool d_is_dy = !relu && !quantizer && !g.dy[1];
    const bool write = !d_is_dy && (any_plain || norms.size() == 2);
    Tensor d = write ? Tensor::empty(dy.shape(), dy.layout()) : dy;
    float* const d_out = write ? d.mutable_values().data() : nullptr;
    const Buffer sums = Buffer::floats(3 * rows.channels);
    float* const s0 = sums.floats();
    float* const s[2] = {s0 + rows.channels, s0 + 2 * rows.channels};
    kernels::ClipGradients clips{0.0, 0.0};
    if (any_norm)
      clips = kernels::epilogue_backward_sums(rows, g, d_out, s0, s);
    else if (write)
      kernels::epilogue_backward_mask(rows, g, d_out);
    if (write) {
      g.dy[0] = d_out;
      g.dy[1] = g.y = nullptr;
      g.relu = false;
      g.quantizer = nullptr;
    }

    std::vector<Tensor> grads(needs.size());
    std::size_t at = 0;
    for (std::size_t t = 0; t < norms.size(); ++t) {
      if (norms[t])
        norm_gradients(*norms[t], rows, g, static_cast<int>(t), s0, s[t], needs, at, grads);
      else if (needs[at])
        grads[at] = d;
      at += norms[t] ? 3 : 1;
    }
    if (quantizer) {
      if (needs[at]) grads[at] = Tensor::scalar(static_cast<float>(clips.clip_max));
      if (needs[at + 1]) grads[at + 1] = Tensor::scalar(static_cast<float>(clips.clip_min));
    }
    return grads;
  }
};

// The history of a combination is its own: not cut off by detach() or NoGrad, no leaf that wants a gradient.
bool has_own_history(const Tensor& t, const Pending& pending) {
  if (!grad_enabled() || t.body()->node) return true;
  if (t.requires_grad()) return false;
  const std::vector<Tensor> inputs = tape_inputs(pending);
  return std::ranges::none_of(inputs, [](const Tensor& x) { return x.defined() && x.requires_grad(); });
}

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

void check_batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
                      const Tensor& running_var, const BatchNormParams& params) {
  require(x.defined() && (x.rank() == 4 || x.rank() == 2), "batch_norm: x must be [N, C, H, W] or [N, C], got ",
          x.defined() ? x.shape() : Shape{});
  require(x.rank() == 2 || x.layout() == Layout::kChannelsLast, "batch_norm: x must be an activation (channels-last)");
  const Shape expected{x.dim(1)};
  const std::pair<const char*, const Tensor*> vectors[] = {
      {"gamma", &gamma}, {"beta", &beta}, {"running_mean", &running_mean}, {"running_var", &running_var}};
  for (const auto& [name, vector] : vectors)
    require(!vector->defined() || vector->shape() == expected, "batch_norm: ", name, " must have shape ", expected,
            " to fit x ", x.shape(), ", got ", vector->defined() ? vector->shape() : Shape{});
  require(running_mean.defined() == running_var.defined(),
          "batch_norm: running_mean and running_var must come together");
  require(params.eps >= 0.0F, "batch_norm: eps must not be negative, got ", params.eps);
}

void update_running(Tensor running, std::span<const float> batch, float momentum, float factor) {
  const std::span<float> values = running.mutable_values();
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = (1.0F - momentum) * values[c] + momentum * (batch[c] * factor);
}

// The integer sum that stands for `value` in channel c.
float sum_of(const detail::IntegerSums& sums, std::size_t c, float value) {
  return (value - sums.bias()[c]) / sums.factor()[c] + sums.start()[c];
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
  check_batch_norm(x, gamma, beta, running_mean, running_var, params);
  const kernels::Rows rows = x.body()->rows();
  const bool batch_statistics = params.training || !running_mean.defined();
  require(!batch_statistics || rows.rows > 1, "batch_norm: training needs more than one value per channel, got x ",
          x.shape());

  auto state = std::make_shared<BatchNormState>();
  state->x = x;
  state->sums = detail::integer_sums_of(x);
  state->gamma = gamma;
  state->beta = beta;
  state->channels = rows.channels;
  state->training = batch_statistics;
  state->values = Buffer::floats(4 * rows.channels);
  float* const mean = state->values.floats();
  float *r = mean + rows.channels, *scale = r + rows.channels, *shift = scale + rows.channels;
  const Buffer variance = Buffer::floats(rows.channels);
  const auto channels = static_cast<std::size_t>(rows.channels);
  if (batch_statistics) {
    kernels::channel_moments(rows, state->data(), mean, variance.floats());
    const Moments x_moments = moments_of_x(*state, mean, variance.floats());
    if (params.training && running_mean.defined()) {
      const auto count = static_cast<float>(rows.rows);
      update_running(running_mean, x_moments.mean, params.momentum, 1.0F);
      update_running(running_var, x_moments.variance, params.momentum, count / (count - 1.0F));
    }
    std::ranges::copy(x_moments.variance, variance.floats());
  } else {
    for (std::size_t c = 0; c < channels; ++c)
      mean[c] = state->sums ? sum_of(*state->sums, c, running_mean.values()[c]) : running_mean.values()[c];
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
  const auto attributes = [params] {
    return Attributes{{"eps", static_cast<double>(params.eps)},
                      {"momentum", static_cast<double>(params.momentum)},
                      {"training", params.training}};
  };
  return record_pending("batch_norm", x, Pending{{{x, std::move(state)}}, false}, attributes, running);
}

Tensor relu(const Tensor& x) {
  require(x.defined(), "relu: x is undefined");
  return record_pending("relu", x, Pending{terms_of(x), true}, nullptr);
}

namespace {

// Quantizes what x would be without writing it, or nothing if that cannot be or does not pay.
Tensor quantize_pending(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                        const kernels::ClippedGrid& grid, const kernels::Int8Scale& scale, Readers readers) {
  const Pending* pending = detail::pending_of(x);
  if (!pending || pending->terms[0].sums || !pending->per_channel() || !has_own_history(x, *pending)) return {};
  if (pending->terms.size() > 1 && readers == Readers::kMany) return {};  // a shortcut is about to read x as well
  const kernels::Rows rows = x.body()->rows();
  const kernels::EpilogueTerm terms[2] = {
      pending->terms[0].values(), pending->terms.size() > 1 ? pending->terms[1].values() : kernels::EpilogueTerm{}};
  Buffer q(x.size());
  require_finite(layer, x,
                 kernels::epilogue_quantize(rows, terms, pending->relu, scale, static_cast<std::uint8_t*>(q.data())));

  std::vector<Tensor> inputs = tape_inputs(*pending);
  inputs.insert(inputs.end(), {clip_max, clip_min});
  EpilogueBackward backward{rows, {}, pending->relu, {}, grid, pending->terms};
  for (const Pending::Term& term : pending->terms) backward.norms.push_back(term.norm);
  return record("ulq_activation", detail::make_quantized(x.shape(), x.layout(), {std::move(q), scale}), inputs, nullptr,
                std::move(backward));
}

// The sums of clipped_backward() from a gradient that is not there.
kernels::ClipGradients clip_gradients(const Tensor& x, const kernels::ClippedGrid& grid,
                                      const detail::ConvGradient& gradient, bool of_min) {
  const Buffer factors = Buffer::floats(x.size()), beyond(x.size());
  auto* const off_grid = static_cast<std::uint8_t*>(beyond.data());
  const std::int64_t count = kernels::clip_factors(x.size(), grid, x.values().data(), factors.floats(), off_grid);
  const double of_max = gradient.product(factors.floats());
  return {of_max, of_min ? (count > 0 ? gradient.product(off_grid) : 0.0) - of_max : 0.0};
}

// The same sums, and dx unless null. In one pass of float lanes; clipped_backward(), in double, is the oracle.
kernels::ClipGradients clip_gradients(const Tensor& x, const kernels::ClippedGrid& grid, const Tensor& dy, float* dx) {
  if (quantized_forward() == QuantizedForward::kFloat)
    return kernels::clipped_backward(x.size(), grid, x.values().data(), dy.values().data(), dx);
  kernels::EpilogueGradient g;
  read_upstream(dy, g);
  g.terms[0].x = x.values().data();
  g.quantizer = &grid;
  float sum;
  return kernels::epilogue_backward_sums({x.size(), 1}, g, dx, &sum, {nullptr, nullptr});
}

}  // namespace

Tensor quantize_activation(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                           const kernels::ClippedGrid& grid, Readers readers) {
  Tensor y;
  if (quantized_forward() == QuantizedForward::kInt8 && grid.grid.high - grid.grid.low == 255.0F) {
    const kernels::Int8Scale scale{grid.grid.scale, static_cast<std::int32_t>(grid.grid.offset - grid.grid.low)};
    if (Tensor fused = quantize_pending(layer, x, clip_max, clip_min, grid, scale, readers); fused.defined())
      return fused;
    Buffer q(x.size());
    require_finite(layer, x,
                   kernels::quantize(x.size(), scale, x.values().data(), static_cast<std::uint8_t*>(q.data())));
    y = detail::make_quantized(x.shape(), x.layout(), {std::move(q), scale});
  } else {
    y = Tensor::empty(x.shape(), x.layout());
    require_finite(layer, x, kernels::fake_quantize(x.size(), grid.grid, x.values().data(), y.mutable_values().data()));
  }
  const DescribeOp describe = [grid] {
    const auto steps = static_cast<std::uint32_t>(grid.grid.high - grid.grid.low);
    return Attributes{{"bits", std::int64_t{std::bit_width(steps)}},
                      {"scale", static_cast<double>(grid.grid.scale)},
                      {"offset", static_cast<std::int64_t>(grid.grid.offset)}};
  };
  return record(
      "ulq_activation", y, {x, clip_max, clip_min}, describe, [x, grid](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(3);
        const detail::ConvGradient* const lazy = dy.body()->storage->gradient.get();
        if (needs[0]) grads[0] = Tensor::empty(x.shape(), x.layout());
        const kernels::ClipGradients sums =
            !needs[0] && lazy ? clip_gradients(x, grid, *lazy, needs[2])
                              : clip_gradients(x, grid, dy, needs[0] ? grads[0].mutable_values().data() : nullptr);
        if (needs[1]) grads[1] = Tensor::scalar(static_cast<float>(sums.clip_max));
        if (needs[2]) grads[2] = Tensor::scalar(static_cast<float>(sums.clip_min));
        return grads;
      });
}

namespace detail {

Tensor pending_sum(const Tensor& a, const Tensor& b) {
  return make_pending(a.shape(), a.layout(), Pending{{{a, nullptr}, {b, nullptr}}, false});
}

}  // namespace detail

namespace {

// A one-element operand: y = x + value, dvalue = sum dy.
Tensor add_scalar(const Tensor& x, const Tensor& value) {
  Tensor y = Tensor::empty(x.shape(), x.layout());
  const float added = value.item();
  std::ranges::transform(x.values(), y.mutable_values().begin(), [added](float v) { return v + added; });
  return record("add", y, {x, value}, nullptr, [shape = value.shape()](const Tensor& dy, const NeedsGrad& needs) {
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
  return record_pending("add", a, std::move(pending), nullptr);
}

}  // namespace octet
