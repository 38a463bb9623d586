// SPDX-License-Identifier: Apache-2.0
// How good a network is on a dataset.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "octet/autograd/tensor.h"
#include "octet/data/loader.h"
#include "octet/experiment/run/observer.h"
#include "octet/nn/module.h"

namespace octet {

struct Evaluation {
  double loss;      ///< mean cross-entropy, without label smoothing
  double accuracy;  ///< share of images whose greatest logit is their label's
  std::int64_t images;
};

/// Rows of logits [N, K] whose greatest value (the first of equals) is at their label. A row with a NaN has none.
std::int64_t count_correct(const Tensor& logits, std::span<const std::int64_t> labels);

/// What an Evaluation says, from the logits of one batch after the other. Throws Error (image, class) for logits that
/// are not finite.
class EvaluationSum {
 public:
  void add(const Tensor& logits, std::span<const std::int64_t> labels);
  Evaluation mean() const;

 private:
  double loss_ = 0.0;
  std::int64_t correct_ = 0, images_ = 0;
};

/// Over all batches, in evaluation mode; every module's mode is as before afterwards. Nothing, if `stop` (may be null)
/// became true meanwhile.
std::optional<Evaluation> evaluate(Module& module, const DataLoader& data, Observer& observer,
                                   const std::atomic<bool>* stop = nullptr);

}  // namespace octet
