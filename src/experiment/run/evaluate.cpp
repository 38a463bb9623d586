// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/evaluate.h"

#include <cmath>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/experiment/run/finite.h"
#include "octet/nn/evaluation_mode.h"

namespace octet {
std::int64_t count_correct(const Tensor& logits, std::span<const std::int64_t> labels) {
  require(logits.rank() == 2 && logits.dim(0) == static_cast<std::int64_t>(labels.size()) && logits.dim(1) > 0,
          "count_correct: logits must be [N, K] for N labels (logits ", logits.shape(), ", ", labels.size(),
          " labels)");
  const auto classes = static_cast<std::size_t>(logits.dim(1));
  const std::span<const float> values = logits.values();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    correct += detail::index_of_greatest(values.subspan(i * classes, classes)) == labels[i];
  }
  return correct;
}

void EvaluationSum::add(const Tensor& logits, std::span<const std::int64_t> labels) {
  const FloatEnvironment numbers;
  const auto count = static_cast<std::int64_t>(labels.size());
  correct_ += count_correct(logits, labels);
  detail::require_finite_logits(logits.values(), logits.dim(1), images_, "evaluate");
  const auto loss = static_cast<double>(cross_entropy(logits, labels).item());
  require(std::isfinite(loss), "evaluate: the loss of images ", images_ + 1, " to ", images_ + count,
          " is not finite: ", loss);
  loss_ += loss * static_cast<double>(count);
  images_ += count;
}

Evaluation EvaluationSum::mean() const {
  const FloatEnvironment numbers;
  const auto total = static_cast<double>(images_);
  return {loss_ / total, static_cast<double>(correct_) / total, images_};
}

std::optional<Evaluation> evaluate(Module& module, const DataLoader& data, Observer& observer,
                                   const std::atomic<bool>* stop) {
  const FloatEnvironment numbers;
  const EvaluationMode mode(module);
  const NoGrad no_grad;
  EvaluationSum sum;
  std::int64_t batch = 0;
  for (const auto& [images, labels] : data) {
    if (stop && *stop) return std::nullopt;
    ++batch;
    try {
      sum.add(module(images), labels);
    } catch (const Error& error) {
      throw Error(text("batch ", batch, " of ", data.batches(), ": ", error.what()));
    }
    observer.evaluating({.batch = batch, .batches = data.batches()});
  }
  return sum.mean();
}

}  // namespace octet
