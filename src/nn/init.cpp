// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/init.h"

#include <algorithm>
#include <cmath>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet::init {

Fans fans(const Tensor& w) {
  require(w.rank() >= 2, "fans: a weight has at least two dimensions (w ", w.shape(), ")");
  std::int64_t window = 1;
  for (std::size_t i = 2; i < w.rank(); ++i) window *= w.dim(i);
  return {.in = w.dim(1) * window, .out = w.dim(0) * window};
}

void uniform(Tensor& w, float low, float high, Rng& rng) {
  const FloatEnvironment numbers;
  for (float& value : w.mutable_values()) value = rng.uniform(low, high);
}

void normal(Tensor& w, float mean, float deviation, Rng& rng) {
  const FloatEnvironment numbers;
  for (float& value : w.mutable_values()) value = mean + deviation * rng.normal();
}

void constant(Tensor& w, float value) { std::ranges::fill(w.mutable_values(), value); }

void kaiming_normal(Tensor& w, FanMode mode, Rng& rng) {
  const FloatEnvironment numbers;
  const Fans fan = fans(w);
  const auto count = static_cast<double>(mode == FanMode::kIn ? fan.in : fan.out);
  normal(w, 0.0F, static_cast<float>(std::sqrt(2.0 / count)), rng);
}

void kaiming_uniform(Tensor& w, double a, Rng& rng) {
  const FloatEnvironment numbers;
  const auto bound = static_cast<float>(std::sqrt(6.0 / ((1.0 + a * a) * static_cast<double>(fans(w).in))));
  uniform(w, -bound, bound, rng);
}

}  // namespace octet::init
