// SPDX-License-Identifier: Apache-2.0
// Softmax, its logarithm and the cross entropy of it. Sums of a row are in double and in order of the elements.
#pragma once

#include <cstdint>

namespace octet::kernels {

/// Element k of row r is value r / inner * inner * size + r % inner + k * inner: inner is 1 for rows that lie in one
/// piece, and the number of columns for columns of a matrix.
struct SoftmaxShape {
  std::int64_t rows = 0, size = 0, inner = 1;
};

void softmax_forward(const SoftmaxShape& s, const float* x, float* y);
void softmax_backward(const SoftmaxShape& s, const float* y, const float* dy, float* dx);
void log_softmax_forward(const SoftmaxShape& s, const float* x, float* y);
void log_softmax_backward(const SoftmaxShape& s, const float* y, const float* dy, float* dx);

struct CrossEntropyShape {
  std::int64_t rows = 0, classes = 0;
  double label_smoothing = 0.0;
};

/// Mean over the rows of -sum_k t_k log softmax(logits)_k, t = (1 - label_smoothing) one_hot + label_smoothing /
/// classes. Labels are in [0, classes).
double cross_entropy_forward(const CrossEntropyShape& s, const float* logits, const std::int64_t* labels);
/// dx = dy / rows * (softmax(logits) - t).
void cross_entropy_backward(const CrossEntropyShape& s, const float* logits, const std::int64_t* labels, double dy,
                            float* dx);

}  // namespace octet::kernels
