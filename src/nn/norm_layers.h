// SPDX-License-Identifier: Apache-2.0
// Layers that behave differently in training: BatchNorm2d, Dropout.
#pragma once

#include <cstdint>
#include <optional>

#include "octet/autograd/ops.h"
#include "octet/base/rng.h"
#include "octet/nn/module.h"

namespace octet {

/// batch_norm over x [N, features, H, W]: batch statistics in training mode, running ones in evaluation.
class BatchNorm2d final : public Module {
 public:
  struct Options {
    std::int64_t features;
    float eps = 1e-5F;
    std::optional<float> momentum = 0.1F;  ///< none: running statistics are the plain average over all batches
    bool affine = true;                    ///< weight (1 at first) and bias (0)
    bool track_running_stats = true;       ///< false: batch statistics in evaluation, too
  };
  explicit BatchNorm2d(Options options);

  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return options_; }
  const Tensor& weight() const { return weight_; }  ///< undefined if not affine; bias() likewise
  const Tensor& bias() const { return bias_; }
  const Tensor& running_mean() const { return running_mean_; }  ///< undefined if not tracked; running_var() likewise
  const Tensor& running_var() const { return running_var_; }

 private:
  Options options_;
  Tensor weight_, bias_, running_mean_, running_var_;
  std::int64_t* batches_tracked_ = nullptr;
};

/// dropout in training mode, nothing in evaluation. Draws from a stream of its own that starts at `rng`; where the
/// stream stands is part of the state of a run, not of the weights.
class Dropout final : public Module {
 public:
  struct Options {
    float p = 0.5F;  ///< probability of zeroing an element, in [0, 1)
  };
  Dropout(Options options, Rng& rng);

  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return options_; }

 private:
  Options options_;
  Rng rng_;
  std::int64_t& position_;
};

}  // namespace octet
