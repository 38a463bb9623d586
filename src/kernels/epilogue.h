// SPDX-License-Identifier: Apache-2.0
// What follows a convolution, in one pass over memory: batch normalisation, the residual add, ReLU; and its gradient.
//
//   y = relu?( term_0 [+ term_1] ),   term = x   or   (x - mean[c]) * scale[c] + shift[c]
//
// Data are rows x channels, channels fastest. Sums over rows as in channel_sums.h.
#pragma once

#include <cstdint>

#include "octet/kernels/channel_sums.h"

namespace octet::kernels {

struct EpilogueTerm {
  const float* x = nullptr;
  const float *mean = nullptr, *scale = nullptr,
              *shift = nullptr;  ///< [channels] each, or all null: the term is x itself
};

/// The formula above. terms[1].x may be null.
void epilogue_forward(const Rows& shape, const EpilogueTerm (&terms)[2], bool relu, float* y);

/// d = mask * (dy[0] [+ dy[1]]), where mask is 1 unless `relu`, then 1 where the epilogue's result is positive: read
/// from y, or computed again from terms[0] if y is null (single term only).
struct EpilogueGradient {
  const float* dy[2] = {nullptr, nullptr};
  EpilogueTerm terms[2];
  const float* y = nullptr;
  bool relu = false;
};

/// sum_d[c] = sum d; sum_dx[t][c] = sum d * (x_t - mean_t) for the normalised terms. Writes d unless null.
void epilogue_backward_sums(const Rows& shape, const EpilogueGradient& g, float* d, float* sum_d,
                            float* const (&sum_dx)[2]);
/// dx = k0[c] * d + k1[c] * (x_t - mean_t) + k2[c] for term t, d as above.
void epilogue_backward_apply(const Rows& shape, const EpilogueGradient& g, int term, const float* k0, const float* k1,
                             const float* k2, float* dx);
/// d alone.
void epilogue_backward_mask(const Rows& shape, const EpilogueGradient& g, float* d);

}  // namespace octet::kernels
