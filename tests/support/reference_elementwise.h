// SPDX-License-Identifier: Apache-2.0
// Element-wise functions in double precision. relu, sigmoid and add are in reference_norm.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include "support/array64.h"

namespace octet::test {

inline Array64 map_reference(Array64 x, const std::function<double(double)>& f) {
  for (double& v : x.values) v = f(v);
  return x;
}

inline double relu6_reference(double x) { return std::min(std::max(x, 0.0), 6.0); }
inline double leaky_relu_reference(double x, double negative_slope) { return x > 0 ? x : negative_slope * x; }
inline double silu_reference(double x) { return x / (1 + std::exp(-x)); }
inline double hardswish_reference(double x) { return x * relu6_reference(x + 3) / 6; }

/// f(a, b) element by element; an operand of one element stands for a whole array of them.
inline Array64 zip_reference(const Array64& a, const Array64& b, const std::function<double(double, double)>& f) {
  const bool b_wider = a.size() != b.size() ? a.size() == 1 : b.shape.size() > a.shape.size();
  Array64 y = b_wider ? b : a;
  for (std::int64_t i = 0; i < y.size(); ++i) y[i] = f(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
  return y;
}

}  // namespace octet::test
