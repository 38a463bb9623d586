// SPDX-License-Identifier: Apache-2.0
// Plain loops over chunks. Comparisons are written so that NaN passes through.
#include "octet/kernels/elementwise.h"

#include <cmath>

#include "octet/kernels/parallel.h"
#include "octet/kernels/simd.h"

namespace octet::kernels {
namespace {

// Elements of a chunk for loops that compute more than they move (exp, tanh).
constexpr std::int64_t kMathChunk = 1 << 12;

float logistic(float x) { return 1.0F / (1.0F + std::exp(-x)); }

OCTET_CLONES void relu6_chunk(std::int64_t n, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] < 0.0F ? 0.0F : x[i] > 6.0F ? 6.0F : x[i];
}

OCTET_CLONES void relu6_gradient_chunk(std::int64_t n, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] <= 0.0F ? 0.0F : y[i] >= 6.0F ? 0.0F : dy[i];
}

OCTET_CLONES void leaky_relu_chunk(std::int64_t n, float slope, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0F ? x[i] : slope * x[i];
}

OCTET_CLONES void leaky_relu_gradient_chunk(std::int64_t n, float slope, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0.0F ? dy[i] : slope * dy[i];
}

OCTET_CLONES void sigmoid_gradient_chunk(std::int64_t n, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0F - y[i]) * y[i];
}

OCTET_CLONES void tanh_gradient_chunk(std::int64_t n, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0F - y[i] * y[i]);
}

OCTET_CLONES void hardswish_chunk(std::int64_t n, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gate = x[i] + 3.0F;
    y[i] = x[i] * (gate < 0.0F ? 0.0F : gate > 6.0F ? 6.0F : gate) / 6.0F;
  }
}

OCTET_CLONES void hardswish_gradient_chunk(std::int64_t n, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float inner = dy[i] * (x[i] / 3.0F + 0.5F);
    dx[i] = x[i] <= -3.0F ? 0.0F : x[i] >= 3.0F ? dy[i] : inner;
  }
}

OCTET_CLONES void difference_chunk(std::int64_t n, float factor, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * (a[i] - b[i]);
}

OCTET_CLONES void product_chunk(std::int64_t n, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

OCTET_CLONES void scale_chunk(std::int64_t n, float factor, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

OCTET_CLONES void scale_and_shift_chunk(std::int64_t n, float factor, float offset, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i] + offset;
}

// Runs body(i) for every element: for functions that no vector unit has.
template <typename Body>
void for_each(std::int64_t n, const Body& body) {
  parallel_range(n, kMathChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i);
  });
}

// Runs chunk(begin, size) over [0, n).
template <typename Chunk>
void stream(std::int64_t n, const Chunk& chunk) {
  parallel_range(n, kStreamChunk, [&](std::int64_t begin, std::int64_t end) { chunk(begin, end - begin); });
}

}  // namespace

void relu6_forward(std::int64_t n, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { relu6_chunk(size, x + i, y + i); });
}

void relu6_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx) {
  stream(n, [=](std::int64_t i, std::int64_t size) { relu6_gradient_chunk(size, y + i, dy + i, dx + i); });
}

void leaky_relu_forward(std::int64_t n, float slope, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { leaky_relu_chunk(size, slope, x + i, y + i); });
}

void leaky_relu_backward(std::int64_t n, float slope, const float* x, const float* dy, float* dx) {
  stream(n, [=](std::int64_t i, std::int64_t size) { leaky_relu_gradient_chunk(size, slope, x + i, dy + i, dx + i); });
}

void sigmoid_forward(std::int64_t n, const float* x, float* y) {
  for_each(n, [=](std::int64_t i) { y[i] = logistic(x[i]); });
}

void sigmoid_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx) {
  stream(n, [=](std::int64_t i, std::int64_t size) { sigmoid_gradient_chunk(size, y + i, dy + i, dx + i); });
}

void tanh_forward(std::int64_t n, const float* x, float* y) {
  for_each(n, [=](std::int64_t i) { y[i] = std::tanh(x[i]); });
}

void tanh_backward_from_y(std::int64_t n, const float* y, const float* dy, float* dx) {
  stream(n, [=](std::int64_t i, std::int64_t size) { tanh_gradient_chunk(size, y + i, dy + i, dx + i); });
}

void silu_forward(std::int64_t n, const float* x, float* y) {
  for_each(n, [=](std::int64_t i) { y[i] = x[i] * logistic(x[i]); });
}

void silu_backward_from_x(std::int64_t n, const float* x, const float* dy, float* dx) {
  for_each(n, [=](std::int64_t i) {
    const float s = logistic(x[i]);
    dx[i] = dy[i] * s * (1.0F + x[i] * (1.0F - s));
  });
}

void hardswish_forward(std::int64_t n, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { hardswish_chunk(size, x + i, y + i); });
}

void hardswish_backward_from_x(std::int64_t n, const float* x, const float* dy, float* dx) {
  stream(n, [=](std::int64_t i, std::int64_t size) { hardswish_gradient_chunk(size, x + i, dy + i, dx + i); });
}

void difference(std::int64_t n, float factor, const float* a, const float* b, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { difference_chunk(size, factor, a + i, b + i, y + i); });
}

void product(std::int64_t n, const float* a, const float* b, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { product_chunk(size, a + i, b + i, y + i); });
}

void scale(std::int64_t n, float factor, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { scale_chunk(size, factor, x + i, y + i); });
}

void scale_and_shift(std::int64_t n, float factor, float offset, const float* x, float* y) {
  stream(n, [=](std::int64_t i, std::int64_t size) { scale_and_shift_chunk(size, factor, offset, x + i, y + i); });
}

}  // namespace octet::kernels
