// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/epilogue_backward.h"

#include <algorithm>

#include "octet/base/error.h"

namespace octet::detail {
namespace {

using kernels::Buffer;

kernels::EpilogueTerm term_of(const BatchNormState& norm) {
  return {norm.data->floats(), norm.mean(), norm.scale(), norm.shift()};
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
      k0[c] = norm.gamma_over_std()[c];
      k1[c] = -k0[c] * r[c] * r[c] * (factor * factor * s1[c]) * inverse_count;
      k2[c] = -k0[c] * s0[c] * inverse_count;
    }
    grads[at] = Tensor::empty(norm.x.shape(), norm.x.layout());
    kernels::epilogue_backward_apply(rows, g, term, k0, k1, k2, fresh_values(grads[at]));
  }
  if (needs[at + 1]) {
    grads[at + 1] = Tensor::empty(norm.gamma.shape());
    float* const dgamma = fresh_values(grads[at + 1]);
    for (std::int64_t c = 0; c < channels; ++c) dgamma[c] = norm.factor(c) * s1[c] * r[c];
  }
  if (needs[at + 2]) grads[at + 2] = Tensor::from_values(norm.beta.shape(), {s0, static_cast<std::size_t>(channels)});
}

}  // namespace

std::vector<Tensor> tape_inputs(const Epilogue& epilogue) {
  std::vector<Tensor> inputs;
  for (const Epilogue::Term& term : epilogue.terms) {
    inputs.push_back(term.norm ? term.norm->x : term.x);
    if (term.norm) inputs.insert(inputs.end(), {term.norm->gamma, term.norm->beta});
  }
  return inputs;
}

bool has_own_history(const Tensor& t, const Epilogue& epilogue) {
  if (!grad_enabled() || t.body()->node) return true;
  if (t.requires_grad()) return false;
  const std::vector<Tensor> inputs = tape_inputs(epilogue);
  return std::ranges::none_of(inputs, [](const Tensor& x) { return x.defined() && x.requires_grad(); });
}

void read_upstream(const Tensor& dy, kernels::EpilogueGradient& g) {
  const Epilogue* const open = epilogue_of(dy);
  const auto is_plain = [](const Epilogue::Term& term) { return term.is_plain() && term.values; };
  if (open && !open->clamp.does_something() && open->terms.size() == 2 && std::ranges::all_of(open->terms, is_plain)) {
    for (std::size_t i = 0; i < 2; ++i) g.dy[i] = open->terms[i].values->floats();
  } else {
    g.dy[0] = dy.values().data();
  }
}

std::vector<Tensor> EpilogueBackward::operator()(const Tensor& dy, const NeedsGrad& needs) const {
  kernels::EpilogueGradient g;
  g.clamp = clamp;
  if (y) g.y = y->data();
  if (plain) g.terms[0] = plain->kernel_term();
  read_upstream(dy, g);
  bool any_norm = false, any_plain = false;
  for (std::size_t t = 0; t < norms.size(); ++t) {
    if (norms[t]) g.terms[t] = term_of(*norms[t]);
    (norms[t] ? any_norm : any_plain) = true;
  }
  if (quantizer) {
    g.quantizer = &*quantizer;
    for (std::size_t t = 0; t < quantized_terms.size(); ++t) g.terms[t] = quantized_terms[t].kernel_term();
  }

  // d is written where somebody takes it as it is, or where two batch norms would compute it again.
  const bool d_is_dy = !clamp.does_something() && !quantizer && !g.dy[1];
  const bool write = !d_is_dy && (any_plain || norms.size() == 2);
  Tensor d = write ? Tensor::empty(dy.shape(), dy.layout()) : dy;
  float* const d_out = write ? fresh_values(d) : nullptr;
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
    g.clamp = kernels::kNoClamp;
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

}  // namespace octet::detail
