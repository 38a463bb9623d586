// SPDX-License-Identifier: Apache-2.0
// The way back through a combination of batch norms, a sum, a clamp and a quantizer (see epilogue.h). Private to the
// room.
// With
//   y = relu(bn(x) + z),  d = mask * dy,  s0 = sum d,  s1 = sum d * (x - mean)      (over the batch, per channel)
// the gradients are
//   dz = d,  dbeta = s0,  dgamma = s1 * r,  dx = gamma * r * (d - s0/M - (x - mean) * r^2 * s1/M)
// with r = 1/sqrt(var + eps) and M values per channel (Ioffe and Szegedy, 2015); in evaluation the last two terms of dx
// vanish.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "octet/autograd/epilogue.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/kernels/epilogue/epilogue.h"

namespace octet::detail {

/// The inputs of a combination as the tape sees them: x, gamma, beta of each batch norm, x of each plain term.
std::vector<Tensor> tape_inputs(const Epilogue& epilogue);

/// The history of a combination is its own: not cut off by detach() or NoGrad, no leaf that wants a gradient.
bool has_own_history(const Tensor& t, const Epilogue& epilogue);

/// dy of `g` from what upstream sent: one tensor, or two still to be added.
void read_upstream(const Tensor& dy, kernels::EpilogueGradient& g);

/// The closure of a combination: holds what its batch norms and its mask read, and nothing else.
struct EpilogueBackward {
  kernels::Rows rows;
  kernels::Clamp clamp;
  std::vector<std::shared_ptr<const BatchNormState>> norms{};  ///< one per term, null for a plain term
  std::optional<Saved> y{};                                    ///< the result, where the clamp's mask is read from it
  std::optional<Epilogue::Term> plain{};  ///< the only term, where the mask is computed again from it and it is no norm
  std::optional<kernels::ClippedGrid> quantizer{};  ///< of the result, whose mask is computed again from ...
  std::vector<Epilogue::Term> quantized_terms{};    ///< ... these

  /// Gradients of tape_inputs(), then, with a quantizer, of clip_max and clip_min.
  std::vector<Tensor> operator()(const Tensor& dy, const NeedsGrad& needs) const;
};

}  // namespace octet::detail
