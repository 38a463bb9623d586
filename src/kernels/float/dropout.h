// SPDX-License-Identifier: Apache-2.0
// Dropout: which elements stay, as one byte each, and applying that.
#pragma once

#include <cstdint>

#include "octet/base/rng.h"

namespace octet::kernels {

/// keep[i] = 0 with probability p, else 1: decided by number i of the stream `rng`, so threads change nothing.
void dropout_mask(std::int64_t n, const Rng& rng, float p, std::uint8_t* keep);
/// y = keep ? factor * x : 0. Forward for x, backward for dy.
void dropout_apply(std::int64_t n, const std::uint8_t* keep, float factor, const float* x, float* y);

}  // namespace octet::kernels
