// SPDX-License-Identifier: Apache-2.0
// The fully connected layer and its gradients; all matrices row-major. Rows (the batch) are cut into fixed pieces, each
// multiplied by one thread, so that no result depends on the number of threads.
#pragma once

#include "octet/kernels/core/linear_shape.h"

namespace octet::kernels {

/// y [rows, out] = x [rows, in] * w [out, in]'.
void linear_forward(const LinearShape& s, const float* x, const float* w, float* y);
/// dx [rows, in] = dy [rows, out] * w.
void linear_backward_data(const LinearShape& s, const float* w, const float* dy, float* dx);
/// dw [out, in] = dy' * x.
void linear_backward_weights(const LinearShape& s, const float* x, const float* dy, float* dw);

}  // namespace octet::kernels
