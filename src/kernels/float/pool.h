// SPDX-License-Identifier: Apache-2.0
// Pooling of channels-last images.
//
// Both directions run over rows of what they write and gather what they read: no two tasks meet, and every sum has one
// order.
#pragma once

#include <cstdint>

#include "octet/kernels/core/pool_shape.h"

namespace octet::kernels {

/// y = the largest value of each window, NaN if there is one. Of equal values the first in row order wins, of NaNs the
/// last. Every window must see the image. `winners` may be null.
void max_pool_forward(const MaxPoolShape& s, const float* x, float* y, void* winners);
void max_pool_backward(const MaxPoolShape& s, const void* winners, const float* dy, float* dx);

/// y = the sum of each window / (row count * column count).
void avg_pool_forward(const AvgPoolShape& s, const float* x, float* y);
void avg_pool_backward(const AvgPoolShape& s, const float* dy, float* dx);

}  // namespace octet::kernels
