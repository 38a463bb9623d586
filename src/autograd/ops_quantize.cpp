// SPDX-License-Identifier: Apache-2.0
// The quantizer with learned clips: in one pass with the batch norms in front of it where that can be (see epilogue.h).
#include <bit>

#include "octet/autograd/conv_gradient.h"
#include "octet/autograd/epilogue_backward.h"
#include "octet/autograd/integers.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/graph/operators_quantization.h"
#include "octet/kernels/quantize/fake_quant.h"

namespace octet {
namespace {

using detail::Epilogue;
using detail::EpilogueBackward;
using detail::has_own_history;
using detail::read_upstream;
using detail::tape_inputs;
using kernels::Buffer;

void require_finite(const char* layer, const Tensor& x, bool finite) {
  require(finite, layer, ": the input has values that are not finite (x ", x.shape(), ")");
}

// Quantizes what x would be without writing it, or nothing if that cannot be or does not pay.
Tensor quantize_pending(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                        const kernels::ClippedGrid& grid, const kernels::Int8Scale& scale, Readers readers) {
  const Epilogue* const open = detail::epilogue_of(x);
  if (!open || open->terms[0].sums || !open->per_channel() || !has_own_history(x, *open)) return {};
  if (open->terms.size() > 1 && readers == Readers::kMany) return {};  // a shortcut is about to read x as well
  const kernels::Rows rows = x.body()->rows();
  const kernels::EpilogueTerm terms[2] = {open->kernel_term(0), open->kernel_term(1)};
  Buffer q(x.size());
  require_finite(layer, x,
                 kernels::epilogue_quantize(rows, terms, open->clamp, scale, static_cast<std::uint8_t*>(q.data())));

  std::vector<Tensor> inputs = tape_inputs(*open);
  inputs.insert(inputs.end(), {clip_max, clip_min});
  EpilogueBackward backward{.rows = rows, .clamp = open->clamp, .quantizer = grid, .quantized_terms = open->terms};
  for (const Epilogue::Term& term : open->terms) backward.norms.push_back(term.norm);
  return record(ops::kUlqActivation, detail::make_quantized(x.shape(), x.layout(), {std::move(q), scale}), inputs,
                nullptr, std::move(backward));
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
  const FloatEnvironment numbers;
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
    require_finite(layer, x, kernels::fake_quantize(x.size(), grid.grid, x.values().data(), detail::fresh_values(y)));
  }
  const DescribeOp describe = [grid] {
    const auto steps = static_cast<std::uint32_t>(grid.grid.high - grid.grid.low);
    return Attributes{{"bits", std::int64_t{std::bit_width(steps)}},
                      {"scale", static_cast<double>(grid.grid.scale)},
                      {"offset", static_cast<std::int64_t>(grid.grid.offset)}};
  };
  return record(ops::kUlqActivation, y, {x, clip_max, clip_min}, describe,
                [x = Saved(layer, "the input", x), grid](const Tensor& dy, const NeedsGrad& needs) {
                  std::vector<Tensor> grads(3);
                  const detail::ConvGradient* const lazy = detail::conv_gradient_of(dy);
                  if (needs[0]) grads[0] = x.empty_like();
                  const kernels::ClipGradients sums =
                      !needs[0] && lazy
                          ? clip_gradients(x.get(), grid, *lazy, needs[2])
                          : clip_gradients(x.get(), grid, dy, needs[0] ? detail::fresh_values(grads[0]) : nullptr);
                  if (needs[1]) grads[1] = Tensor::scalar(static_cast<float>(sums.clip_max));
                  if (needs[2]) grads[2] = Tensor::scalar(static_cast<float>(sums.clip_min));
                  return grads;
                });
}

}  // namespace octet
