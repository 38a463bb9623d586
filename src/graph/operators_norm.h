// SPDX-License-Identifier: Apache-2.0
// Normalisation: options and shape rules. Names and defaults are PyTorch's (torch.nn.functional).
#pragma once

#include "octet/graph/graph.h"

namespace octet {

namespace ops {
inline constexpr const char* kBatchNorm = "batch_norm";
}  // namespace ops

struct BatchNormParams {
  float eps = 1e-5F;
  float momentum = 0.1F;  ///< running = (1 - momentum) * running + momentum * batch
  bool training = false;  ///< true: batch statistics, and the running ones (if defined) are updated
};

Attributes attributes_of(const BatchNormParams& params);
BatchNormParams batch_norm_params(const Attributes& attributes);

/// x [N, C, H, W] or [N, C]; gamma, beta, running_mean and running_var [C] or null. Throws Error if they do not fit.
void check_batch_norm(const Shape& x, const Shape* gamma, const Shape* beta, const Shape* running_mean,
                      const Shape* running_var, const BatchNormParams& params);

}  // namespace octet
