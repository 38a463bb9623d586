// SPDX-License-Identifier: Apache-2.0
// Softmax, losses and sums over everything.
#include <algorithm>

#include "octet/autograd/body.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_loss.h"
#include "octet/kernels/float/elementwise.h"
#include "octet/kernels/float/reduce.h"
#include "octet/kernels/float/softmax.h"

namespace octet {
namespace {

using detail::empty_like;
using detail::require_defined;
using detail::ShapeAndLayout;

// How the values along `dim` lie: dim 0 or 1 of a matrix, or the channels of an activation.
kernels::SoftmaxShape softmax_shape(const char* op, const Tensor& x, std::int64_t dim) {
  require_defined(op, "x", x);
  const std::int64_t rank = static_cast<std::int64_t>(x.rank()), d = dim < 0 ? dim + rank : dim;
  if (rank == 2 && d == 1) return {x.dim(0), x.dim(1), 1};
  if (rank == 2 && d == 0) return {x.dim(1), x.dim(0), x.dim(1)};
  require(rank == 4 && x.layout() == Layout::kChannelsLast && d == 1, op,
          ": dim must be 0 or 1 of a 2-D tensor, or 1 of an activation (dim ", dim, ", x ", x.shape(), ")");
  return {x.dim(0) * x.dim(2) * x.dim(3), x.dim(1), 1};
}

using SoftmaxForward = void (*)(const kernels::SoftmaxShape&, const float* x, float* y);
using SoftmaxBackward = void (*)(const kernels::SoftmaxShape&, const float* y, const float* dy, float* dx);

Tensor along_rows(const char* op, const Tensor& x, std::int64_t dim, SoftmaxForward forward, SoftmaxBackward backward) {
  const FloatEnvironment numbers;
  const kernels::SoftmaxShape s = softmax_shape(op, x, dim);
  Tensor y = empty_like(x);
  forward(s, x.values().data(), detail::fresh_values(y));
  const std::int64_t from_front = dim < 0 ? dim + static_cast<std::int64_t>(x.rank()) : dim;
  return record(
      op, y, {x},
      [=] {
        return Attributes{{"dim", from_front}};
      },
      [s, y = Saved(op, "its result", y.detach()), backward](const Tensor& dy, const NeedsGrad&) {
        Tensor dx = y.empty_like();
        backward(s, y.data(), dy.values().data(), detail::fresh_values(dx));
        return std::vector<Tensor>{dx};
      });
}

}  // namespace

Tensor softmax(const Tensor& x, std::int64_t dim) {
  return along_rows(ops::kSoftmax, x, dim, kernels::softmax_forward, kernels::softmax_backward);
}

Tensor log_softmax(const Tensor& x, std::int64_t dim) {
  return along_rows(ops::kLogSoftmax, x, dim, kernels::log_softmax_forward, kernels::log_softmax_backward);
}

Tensor cross_entropy(const Tensor& logits, std::span<const std::int64_t> labels, const CrossEntropyParams& params) {
  const FloatEnvironment numbers;
  require_defined("cross_entropy", "logits", logits);
  require(logits.rank() == 2 && logits.size() > 0, "cross_entropy: logits must be [N, K] and not empty (logits ",
          logits.shape(), ")");
  const kernels::CrossEntropyShape s{logits.dim(0), logits.dim(1), static_cast<double>(params.label_smoothing)};
  require(std::ssize(labels) == s.rows, "cross_entropy: each row of logits needs one label (logits ", logits.shape(),
          ", ", labels.size(), " labels)");
  for (std::size_t i = 0; i < labels.size(); ++i)
    require(labels[i] >= 0 && labels[i] < s.classes, "cross_entropy: labels must be in [0, ", s.classes, ") (label ",
            labels[i], " of row ", i, ")");
  require(s.label_smoothing >= 0.0 && s.label_smoothing < 1.0,
          "cross_entropy: label_smoothing must be in [0, 1) (label_smoothing ", params.label_smoothing, ")");

  const Tensor loss =
      Tensor::scalar(static_cast<float>(kernels::cross_entropy_forward(s, logits.values().data(), labels.data())));
  return record(
      ops::kCrossEntropy, loss, {logits},
      [&] {
        return Attributes{{"label_smoothing", s.label_smoothing}};
      },
      [s, logits = Saved(ops::kCrossEntropy, "logits", logits),
       labels = std::vector<std::int64_t>(labels.begin(), labels.end())](const Tensor& dy, const NeedsGrad&) {
        Tensor dx = logits.empty_like();
        kernels::cross_entropy_backward(s, logits.data(), labels.data(), static_cast<double>(dy.item()),
                                        detail::fresh_values(dx));
        return std::vector<Tensor>{dx};
      });
}

Tensor mse_loss(const Tensor& a, const Tensor& b) {
  const FloatEnvironment numbers;
  require_defined("mse_loss", "a", a);
  require_defined("mse_loss", "b", b);
  require(a.shape() == b.shape(), "mse_loss: shapes must be equal (a ", a.shape(), ", b ", b.shape(), ")");
  require(a.layout() == b.layout(),
          "mse_loss: one input is an activation (channels-last), the other a row-major tensor (shape ", a.shape(), ")");
  require(a.size() > 0, "mse_loss: the inputs must not be empty (shape ", a.shape(), ")");
  const std::int64_t n = a.size();
  const double total = kernels::squared_distance(n, a.values().data(), b.values().data());
  return record(
      ops::kMseLoss, Tensor::scalar(static_cast<float>(total / static_cast<double>(n))), {a, b}, {},
      [a = Saved(ops::kMseLoss, "a", a), b = Saved(ops::kMseLoss, "b", b), n](const Tensor& dy,
                                                                              const NeedsGrad& needs) {
        const double slope = 2.0 * static_cast<double>(dy.item()) / static_cast<double>(n);
        const auto gradient = [&](double factor) {
          Tensor d = a.empty_like();
          kernels::difference(n, static_cast<float>(factor), a.data(), b.data(), detail::fresh_values(d));
          return d;
        };
        return std::vector<Tensor>{needs[0] ? gradient(slope) : Tensor(), needs[1] ? gradient(-slope) : Tensor()};
      });
}

Tensor mean(const Tensor& x) {
  const FloatEnvironment numbers;
  require_defined("mean", "x", x);
  require(x.size() > 0, "mean: x must not be empty (x ", x.shape(), ")");
  const double n = static_cast<double>(x.size());
  return record(ops::kMean, Tensor::scalar(static_cast<float>(kernels::sum(x.size(), x.values().data()) / n)), {x}, {},
                [from = ShapeAndLayout(x), n](const Tensor& dy, const NeedsGrad&) {
                  return std::vector<Tensor>{from.filled(static_cast<double>(dy.item()) / n)};
                });
}

Tensor sum(const Tensor& x) {
  const FloatEnvironment numbers;
  require_defined("sum", "x", x);
  return record(ops::kSum, Tensor::scalar(static_cast<float>(kernels::sum(x.size(), x.values().data()))), {x}, {},
                [from = ShapeAndLayout(x)](const Tensor& dy, const NeedsGrad&) {
                  return std::vector<Tensor>{from.filled(static_cast<double>(dy.item()))};
                });
}

namespace detail {

std::span<const NamedExecution> loss_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kSoftmax, [](std::span<const Tensor> in,
                         const Attributes& a) { return softmax(in[0], attribute(a, "dim", std::int64_t{-1})); }},
      {ops::kLogSoftmax, [](std::span<const Tensor> in,
                            const Attributes& a) { return log_softmax(in[0], attribute(a, "dim", std::int64_t{-1})); }},
      {ops::kMseLoss, [](std::span<const Tensor> in, const Attributes&) { return mse_loss(in[0], in[1]); }},
      {ops::kMean, [](std::span<const Tensor> in, const Attributes&) { return mean(in[0]); }},
      {ops::kSum, [](std::span<const Tensor> in, const Attributes&) { return sum(in[0]); }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
