// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/float/gemm.h"

#include <algorithm>

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/onednn.h"

namespace octet::kernels {
namespace {

constexpr std::int64_t kPieces = 8;

Chunks pieces(std::int64_t rows) { return {rows, std::max<std::int64_t>((rows + kPieces - 1) / kPieces, 1)}; }

// C [m, n] = op(A) [m, k] * op(B) [k, n] by one thread.
void multiply(char op_a, char op_b, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
              const float* b, std::int64_t ldb, float* c) {
  const SingleThread one;
  const dnnl::status status = dnnl::sgemm(op_a, op_b, m, n, k, 1.0F, a, lda, b, ldb, 0.0F, c, n);
  require(status == dnnl::status::success, "linear: oneDNN cannot multiply [", m, ", ", k, "] by [", k, ", ", n,
          "] (status ", static_cast<int>(status), ")");
}

}  // namespace

void linear_forward(const LinearShape& s, const float* x, const float* w, float* y) {
  const Chunks rows = pieces(s.rows);
  parallel_tasks(rows.count(), [&](std::int64_t i) {
    const std::int64_t begin = rows.begin(i);
    multiply('N', 'T', rows.end(i) - begin, s.out, s.in, x + begin * s.in, s.in, w, s.in, y + begin * s.out);
  });
}

void linear_backward_data(const LinearShape& s, const float* w, const float* dy, float* dx) {
  const Chunks rows = pieces(s.rows);
  parallel_tasks(rows.count(), [&](std::int64_t i) {
    const std::int64_t begin = rows.begin(i);
    multiply('N', 'N', rows.end(i) - begin, s.in, s.out, dy + begin * s.out, s.out, w, s.in, dx + begin * s.in);
  });
}

// The sum over the batch stays within one call; the outputs are shared out instead.
void linear_backward_weights(const LinearShape& s, const float* x, const float* dy, float* dw) {
  if (s.rows == 0) return std::fill_n(dw, s.out * s.in, 0.0F), void();
  const Chunks outputs = pieces(s.out);
  parallel_tasks(outputs.count(), [&](std::int64_t i) {
    const std::int64_t begin = outputs.begin(i);
    multiply('T', 'N', outputs.end(i) - begin, s.in, s.rows, dy + begin, s.out, x, s.in, dw + begin * s.in);
  });
}

}  // namespace octet::kernels
