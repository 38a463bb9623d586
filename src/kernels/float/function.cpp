// SPDX-License-Identifier: Apache-2.0
// Plain loops over chunks. Comparisons are written so that NaN passes through.
#include "octet/kernels/float/function.h"

#include <cmath>

#include "octet/base/error.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/simd.h"

namespace octet::kernels {
namespace {

// Elements of a task for loops that compute more than they move (exp, tanh).
constexpr std::int64_t kMathChunk = 1 << 12;

// ---- forward --------------------------------------------------------------------------------------------------------

OCTET_CLONES void hardsigmoid(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gate = x[i] + 3.0F;
    y[i] = (gate < 0.0F ? 0.0F : gate > 6.0F ? 6.0F : gate) / 6.0F;
  }
}

OCTET_CLONES void hardswish(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float gate = x[i] + 3.0F;
    y[i] = x[i] * (gate < 0.0F ? 0.0F : gate > 6.0F ? 6.0F : gate) / 6.0F;
  }
}

OCTET_CLONES void leaky_relu(std::int64_t n, float a, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0F ? x[i] : a * x[i];
}

OCTET_CLONES void relu6(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] < 0.0F ? 0.0F : x[i] > 6.0F ? 6.0F : x[i];
}

float logistic(float x) { return 1.0F / (1.0F + std::exp(-x)); }

void sigmoid(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = logistic(x[i]);
}

void silu(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * logistic(x[i]);
}

void tanh(std::int64_t n, float, const float* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::tanh(x[i]);
}

// ---- backward -------------------------------------------------------------------------------------------------------

OCTET_CLONES void hardsigmoid_gradient(std::int64_t n, float, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] <= 0.0F ? 0.0F : y[i] >= 1.0F ? 0.0F : dy[i] / 6.0F;
}

OCTET_CLONES void hardswish_gradient(std::int64_t n, float, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float inner = dy[i] * (x[i] / 3.0F + 0.5F);
    dx[i] = x[i] <= -3.0F ? 0.0F : x[i] >= 3.0F ? dy[i] : inner;
  }
}

// With a >= 0, x and y are positive together.
OCTET_CLONES void leaky_relu_gradient(std::int64_t n, float a, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0.0F ? dy[i] : a * dy[i];
}

OCTET_CLONES void relu6_gradient(std::int64_t n, float, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] <= 0.0F ? 0.0F : y[i] >= 6.0F ? 0.0F : dy[i];
}

OCTET_CLONES void sigmoid_gradient(std::int64_t n, float, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0F - y[i]) * y[i];
}

void silu_gradient(std::int64_t n, float, const float* x, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float s = logistic(x[i]);
    dx[i] = dy[i] * s * (1.0F + x[i] * (1.0F - s));
  }
}

OCTET_CLONES void tanh_gradient(std::int64_t n, float, const float* y, const float* dy, float* dx) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0F - y[i] * y[i]);
}

// ---- the table ------------------------------------------------------------------------------------------------------

enum class GradientReads { kInput, kResult };

struct Loops {
  void (*forward)(std::int64_t n, float a, const float* x, float* y);
  void (*backward)(std::int64_t n, float a, const float* from, const float* dy, float* dx);
  GradientReads reads;
  std::int64_t chunk;  // values of a task
};

Loops loops_of(Function f, float a) {
  switch (f) {
    case Function::kHardsigmoid:
      return {hardsigmoid, hardsigmoid_gradient, GradientReads::kResult, kStreamChunk};
    case Function::kHardswish:
      return {hardswish, hardswish_gradient, GradientReads::kInput, kStreamChunk};
    case Function::kLeakyRelu:
      return {leaky_relu, leaky_relu_gradient, a >= 0.0F ? GradientReads::kResult : GradientReads::kInput,
              kStreamChunk};
    case Function::kRelu6:
      return {relu6, relu6_gradient, GradientReads::kResult, kStreamChunk};
    case Function::kSigmoid:
      return {sigmoid, sigmoid_gradient, GradientReads::kResult, kMathChunk};
    case Function::kSilu:
      return {silu, silu_gradient, GradientReads::kInput, kMathChunk};
    case Function::kTanh:
      return {tanh, tanh_gradient, GradientReads::kResult, kMathChunk};
  }
  fail("there is no function ", static_cast<int>(f));
}

}  // namespace

void function_forward(Function f, float a, std::int64_t n, const float* x, float* y) {
  const Loops loops = loops_of(f, a);
  parallel_range(n, loops.chunk,
                 [&](std::int64_t begin, std::int64_t end) { loops.forward(end - begin, a, x + begin, y + begin); });
}

bool gradient_reads_result(Function f, float a) { return loops_of(f, a).reads == GradientReads::kResult; }

void function_backward(Function f, float a, std::int64_t n, const float* from, const float* dy, float* dx) {
  const Loops loops = loops_of(f, a);
  parallel_range(n, loops.chunk, [&](std::int64_t begin, std::int64_t end) {
    loops.backward(end - begin, a, from + begin, dy + begin, dx + begin);
  });
}

}  // namespace octet::kernels
