// SPDX-License-Identifier: Apache-2.0
// Softmax and losses in double precision.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "support/array64.h"

namespace octet::test {

inline Array64 scalar64(double value) { return {{}, {value}}; }

/// log softmax along `dim`, counted from the front.
inline Array64 log_softmax_reference(const Array64& x, std::size_t dim) {
  std::int64_t inner = 1;
  for (std::size_t d = dim + 1; d < x.shape.size(); ++d) inner *= x.shape[d];
  const std::int64_t size = x.shape[dim];
  Array64 y = x;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const std::int64_t first = i / (inner * size) * inner * size + i % inner;
    double sum = 0;
    for (std::int64_t k = 0; k < size; ++k) sum += std::exp(x[first + k * inner] - x[i]);
    y[i] = -std::log(sum);
  }
  return y;
}

inline Array64 softmax_reference(const Array64& x, std::size_t dim) {
  Array64 y = log_softmax_reference(x, dim);
  for (double& v : y.values) v = std::exp(v);
  return y;
}

inline Array64 cross_entropy_reference(const Array64& logits, std::span<const std::int64_t> labels, double smoothing) {
  const Array64 log_p = log_softmax_reference(logits, 1);
  const std::int64_t rows = logits.shape[0], classes = logits.shape[1];
  double sum = 0;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t k = 0; k < classes; ++k) {
      const double one_hot = k == labels[static_cast<std::size_t>(r)] ? 1 : 0;
      sum -= ((1 - smoothing) * one_hot + smoothing / static_cast<double>(classes)) * log_p[r * classes + k];
    }
  return scalar64(sum / static_cast<double>(rows));
}

inline Array64 mse_loss_reference(const Array64& a, const Array64& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return scalar64(sum / static_cast<double>(a.size()));
}

inline Array64 sum_reference(const Array64& x) {
  double sum = 0;
  for (double v : x.values) sum += v;
  return scalar64(sum);
}

}  // namespace octet::test
