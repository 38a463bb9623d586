// SPDX-License-Identifier: Apache-2.0
// What follows a convolution, in one pass over memory: batch normalisation, the residual add, a clamp (ReLU and its
// like), and the quantizer of the layer that reads the result; and its gradient.
//
//   y = clamp( term_0 [+ term_1] ),   term = x   or   (x - mean[c]) * scale[c] + shift[c]   or   (q - zero) * step
//
// Data are rows x channels, channels fastest. Sums over rows as in channel_sums.h.
#pragma once

#include <cstdint>
#include <limits>

#include "octet/kernels/float/channel_sums.h"
#include "octet/kernels/quantize/fake_quant.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

struct EpilogueTerm {
  const float* x = nullptr;
  const float *mean = nullptr, *scale = nullptr,
              *shift = nullptr;     ///< [channels] each, or all null: the term is x itself
  const std::uint8_t* q = nullptr;  ///< instead of x: the term is quantized
  Int8Scale grid{1.0F, 0};          ///< of q
};

/// min(max(value, low), high); NaN stays. The gradient passes strictly between the two, as PyTorch has it for ReLU and
/// ReLU6, or with `ends_pass` also at them, as for its clamp.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  bool ends_pass = false;

  bool does_something() const {
    return low != -std::numeric_limits<float>::infinity() || high != std::numeric_limits<float>::infinity();
  }
};
inline constexpr Clamp kNoClamp{}, kReluClamp{.low = 0.0F}, kRelu6Clamp{.low = 0.0F, .high = 6.0F};

/// The formula above. terms[1].x may be null.
void epilogue_forward(const Rows& shape, const EpilogueTerm (&terms)[2], const Clamp& clamp, float* y);
/// The same, quantized; the result itself is not written. False if some value of it is not finite.
bool epilogue_quantize(const Rows& shape, const EpilogueTerm (&terms)[2], const Clamp& clamp, const Int8Scale& grid,
                       std::uint8_t* q);

/// d = mask * (dy[0] [+ dy[1]]), where mask is 1 where the clamp lets the gradient pass, else 0: read from the result y
/// (not with ends_pass: y does not show whether a value was at an end or beyond), or computed again from terms[0] if y
/// is null (single term only). With a quantizer behind the result (dy is then the gradient of its output), mask is also
/// 0 where the result, computed again from the terms, is beyond the grid.
struct EpilogueGradient {
  const float* dy[2] = {nullptr, nullptr};
  EpilogueTerm terms[2];
  const float* y = nullptr;
  Clamp clamp{};
  const ClippedGrid* quantizer = nullptr;
};

/// sum_d[c] = sum d; sum_dx[t][c] = sum d * (x_t - mean_t) for the normalised terms. Writes d unless null. Returns the
/// gradients of the quantizer's clips, as clipped_backward(), zeros if there is none.
ClipGradients epilogue_backward_sums(const Rows& shape, const EpilogueGradient& g, float* d, float* sum_d,
                                     float* const (&sum_dx)[2]);
/// dx = k0[c] * d + k1[c] * (x_t - mean_t) + k2[c] for term t, d as above.
void epilogue_backward_apply(const Rows& shape, const EpilogueGradient& g, int term, const float* k0, const float* k1,
                             const float* k2, float* dx);
/// d alone.
void epilogue_backward_mask(const Rows& shape, const EpilogueGradient& g, float* d);

}  // namespace octet::kernels
