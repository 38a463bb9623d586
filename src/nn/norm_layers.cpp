// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/norm_layers.h"

#include <cmath>

#include "octet/base/error.h"
#include "octet/nn/layer_checks.h"

namespace octet {

BatchNorm2d::BatchNorm2d(Options options) : options_(options) {
  detail::require_positive("BatchNorm2d", "features", options_.features);
  require(options_.eps >= 0 && std::isfinite(options_.eps), "BatchNorm2d: eps must be finite and not negative (eps ",
          options_.eps, ")");
  const float momentum = options_.momentum.value_or(0.0F);
  require(momentum >= 0 && momentum <= 1, "BatchNorm2d: momentum must be in [0, 1] (momentum ", momentum, ")");
  const Shape shape = {options_.features};
  if (options_.affine) {
    weight_ = add_parameter("weight", Tensor::full(shape, 1.0F));
    bias_ = add_parameter("bias", Tensor::zeros(shape));
  }
  if (options_.track_running_stats) {
    running_mean_ = add_buffer("running_mean", Tensor::zeros(shape));
    running_var_ = add_buffer("running_var", Tensor::full(shape, 1.0F));
    batches_tracked_ = &add_counter("num_batches_tracked");
  }
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  require(x.rank() == 4, "BatchNorm2d: x must be [N, C, H, W] (x ", x.shape(), ")");
  const bool updates = training() && options_.track_running_stats;
  BatchNormParams params{.eps = options_.eps, .training = training() || !options_.track_running_stats};
  if (updates) {
    const auto batches = static_cast<double>(*batches_tracked_ + 1);
    params.momentum = options_.momentum.value_or(static_cast<float>(1.0 / batches));
  }
  Tensor y = batch_norm(x, weight_, bias_, running_mean_, running_var_, params);
  if (updates) ++*batches_tracked_;
  return y;
}

std::unique_ptr<Module> BatchNorm2d::clone() const { return copy_state_to(std::make_unique<BatchNorm2d>(options_)); }

Dropout::Dropout(Options options, Rng& rng)
    : options_(options), rng_(rng.fork(rng.next())), position_(add_counter("rng_position", /*in_weights=*/false)) {
  require(options_.p >= 0 && options_.p < 1, "Dropout: p must be in [0, 1) (p ", options_.p, ")");
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training()) return x;
  rng_.set_position(static_cast<std::uint64_t>(position_));  // the counter leads: a checkpoint or trace() may move it
  Tensor y = dropout(x, options_.p, rng_);
  position_ = static_cast<std::int64_t>(rng_.position());
  return y;
}

std::unique_ptr<Module> Dropout::clone() const {
  Rng unused(0);
  auto copy = std::make_unique<Dropout>(options_, unused);
  copy->rng_ = rng_;
  return copy_state_to(std::move(copy));
}

}  // namespace octet
