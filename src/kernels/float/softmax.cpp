// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "octet/kernels/core/parallel.h"

namespace octet::kernels {
namespace {

// The largest value and the sum of exp(value - largest): no exponential overflows. A NaN makes the sum NaN.
struct ExpSum {
  double largest, sum;
};

ExpSum exp_sum(const float* x, std::int64_t size, std::int64_t step) {
  ExpSum result{-std::numeric_limits<double>::infinity(), 0.0};
  for (std::int64_t k = 0; k < size; ++k) result.largest = std::max(result.largest, static_cast<double>(x[k * step]));
  for (std::int64_t k = 0; k < size; ++k) result.sum += std::exp(static_cast<double>(x[k * step]) - result.largest);
  return result;
}

// Runs body(offset of the row's first value) for every row.
template <typename Body>
void for_each_row(const SoftmaxShape& s, const Body& body) {
  constexpr std::int64_t kChunk = 1 << 12;  // values of a task
  const std::int64_t rows = std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(1, s.size));
  parallel_range(s.rows, rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) body(r / s.inner * s.inner * s.size + r % s.inner);
  });
}

}  // namespace

void softmax_forward(const SoftmaxShape& s, const float* x, float* y) {
  for_each_row(s, [&](std::int64_t row) {
    const ExpSum total = exp_sum(x + row, s.size, s.inner);
    for (std::int64_t i = row; i < row + s.size * s.inner; i += s.inner)
      y[i] = static_cast<float>(std::exp(static_cast<double>(x[i]) - total.largest) / total.sum);
  });
}

void softmax_backward(const SoftmaxShape& s, const float* y, const float* dy, float* dx) {
  for_each_row(s, [&](std::int64_t row) {
    double mean = 0.0;  // of dy under the distribution y
    const std::int64_t end = row + s.size * s.inner;
    for (std::int64_t i = row; i < end; i += s.inner) mean += static_cast<double>(dy[i]) * static_cast<double>(y[i]);
    for (std::int64_t i = row; i < end; i += s.inner)
      dx[i] = static_cast<float>(static_cast<double>(y[i]) * (static_cast<double>(dy[i]) - mean));
  });
}

void log_softmax_forward(const SoftmaxShape& s, const float* x, float* y) {
  for_each_row(s, [&](std::int64_t row) {
    const ExpSum total = exp_sum(x + row, s.size, s.inner);
    const double log_sum = std::log(total.sum);  // subtracted last: it would vanish beside a large logit
    for (std::int64_t i = row; i < row + s.size * s.inner; i += s.inner)
      y[i] = static_cast<float>(static_cast<double>(x[i]) - total.largest - log_sum);
  });
}

void log_softmax_backward(const SoftmaxShape& s, const float* y, const float* dy, float* dx) {
  for_each_row(s, [&](std::int64_t row) {
    double sum = 0.0;
    const std::int64_t end = row + s.size * s.inner;
    for (std::int64_t i = row; i < end; i += s.inner) sum += static_cast<double>(dy[i]);
    for (std::int64_t i = row; i < end; i += s.inner)
      dx[i] = static_cast<float>(static_cast<double>(dy[i]) - std::exp(static_cast<double>(y[i])) * sum);
  });
}

double cross_entropy_forward(const CrossEntropyShape& s, const float* logits, const std::int64_t* labels) {
  std::vector<double> losses(static_cast<std::size_t>(s.rows));
  for_each_row({s.rows, s.classes, 1}, [&](std::int64_t row) {
    const std::int64_t r = row / s.classes;
    const ExpSum total = exp_sum(logits + row, s.classes, 1);
    const double log_sum = std::log(total.sum);
    const auto surprise = [&](std::int64_t k) {
      return total.largest - static_cast<double>(logits[row + k]) + log_sum;
    };
    double loss = (1.0 - s.label_smoothing) * surprise(labels[r]);
    if (s.label_smoothing > 0.0) {  // else an infinite logit would give 0 * inf
      double sum = 0.0;
      for (std::int64_t k = 0; k < s.classes; ++k) sum += surprise(k);
      loss += s.label_smoothing / static_cast<double>(s.classes) * sum;
    }
    losses[static_cast<std::size_t>(r)] = loss;
  });
  double total = 0.0;
  for (double loss : losses) total += loss;
  return total / static_cast<double>(s.rows);
}

void cross_entropy_backward(const CrossEntropyShape& s, const float* logits, const std::int64_t* labels, double dy,
                            float* dx) {
  const double factor = dy / static_cast<double>(s.rows);
  const double everywhere = s.label_smoothing / static_cast<double>(s.classes);
  for_each_row({s.rows, s.classes, 1}, [&](std::int64_t row) {
    const std::int64_t label = labels[row / s.classes];
    const ExpSum total = exp_sum(logits + row, s.classes, 1);
    for (std::int64_t k = 0; k < s.classes; ++k) {
      const double probability = std::exp(static_cast<double>(logits[row + k]) - total.largest) / total.sum;
      const double target = everywhere + (k == label ? 1.0 - s.label_smoothing : 0.0);
      dx[row + k] = static_cast<float>(factor * (probability - target));
    }
  });
}

}  // namespace octet::kernels
