// SPDX-License-Identifier: Apache-2.0
// Sums over all elements, in double: each chunk in sixteen lanes, lanes and chunks added in their order, so that the
// result is a function of the values and their number alone.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// Sum of x.
double sum(std::int64_t n, const float* x);
/// Sum of a * b.
double dot(std::int64_t n, const float* a, const float* b);
/// Sum of (a - b)^2.
double squared_distance(std::int64_t n, const float* a, const float* b);

}  // namespace octet::kernels
