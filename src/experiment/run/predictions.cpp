// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/predictions.h"

#include <algorithm>
#include <functional>

#include "octet/autograd/ops.h"
#include "octet/experiment/run/finite.h"

namespace octet::detail {

std::vector<Prediction> predictions(const Tensor& logits, const std::vector<std::string>& class_names) {
  require_finite_logits(logits.values(), logits.dim(1), 0, "predict");
  const Tensor probabilities = softmax(logits);
  std::vector<Prediction> all;
  for (const float probability : probabilities.values()) all.push_back({class_names[all.size()], probability});
  std::ranges::stable_sort(all, std::greater(), &Prediction::probability);
  return all;
}

}  // namespace octet::detail
