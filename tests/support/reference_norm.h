// SPDX-License-Identifier: Apache-2.0
// Batch normalisation and the element-wise functions it fuses with, in double precision.
#pragma once

#include <cmath>
#include <vector>

#include "support/array64.h"

namespace octet::test {

/// Mean and biased variance of channel c of x [N, C, ...].
struct Moments64 {
  double mean = 0, variance = 0;
  std::int64_t count = 0;
};

inline std::int64_t channel_of(const Array64& x, std::int64_t i) {
  const std::int64_t plane = element_count(x.shape) / (x.shape[0] * x.shape[1]);
  return i / plane % x.shape[1];
}

inline std::vector<Moments64> moments_reference(const Array64& x) {
  std::vector<Moments64> moments(static_cast<std::size_t>(x.shape[1]));
  const auto of = [&](std::int64_t i) -> Moments64& { return moments[static_cast<std::size_t>(channel_of(x, i))]; };
  for (std::int64_t i = 0; i < x.size(); ++i) of(i).mean += x[i];
  const std::int64_t count = x.size() / x.shape[1];
  for (Moments64& m : moments) m = {m.mean / static_cast<double>(count), 0, count};
  for (std::int64_t i = 0; i < x.size(); ++i) of(i).variance += (x[i] - of(i).mean) * (x[i] - of(i).mean);
  for (Moments64& m : moments) m.variance /= static_cast<double>(count);
  return moments;
}

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta with the given moments; gamma and beta may be absent.
inline Array64 normalise_reference(const Array64& x, const std::vector<Moments64>& moments, const Array64& gamma,
                                   const Array64& beta, double eps) {
  Array64 y = x;
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const std::int64_t c = channel_of(x, i);
    const Moments64& m = moments[static_cast<std::size_t>(c)];
    y[i] = (x[i] - m.mean) / std::sqrt(m.variance + eps) * (gamma.defined() ? gamma[c] : 1.0) +
           (beta.defined() ? beta[c] : 0.0);
  }
  return y;
}

/// in: x, gamma, beta. Normalised with the statistics of x itself.
inline Array64 batch_norm_train_reference(const std::vector<Array64>& in, double eps) {
  return normalise_reference(in[0], moments_reference(in[0]), in[1], in[2], eps);
}

/// in: x, gamma, beta. Normalised with running statistics, which are constants.
inline Array64 batch_norm_eval_reference(const std::vector<Array64>& in, const Array64& mean, const Array64& variance,
                                         double eps) {
  std::vector<Moments64> moments;
  for (std::int64_t c = 0; c < mean.size(); ++c) moments.push_back({mean[c], variance[c], 0});
  return normalise_reference(in[0], moments, in[1], in[2], eps);
}

inline Array64 relu_reference(Array64 x) {
  for (double& v : x.values) v = v > 0 ? v : 0;
  return x;
}
inline Array64 sigmoid_reference(Array64 x) {
  for (double& v : x.values) v = 1 / (1 + std::exp(-v));
  return x;
}
inline Array64 add_reference(Array64 a, const Array64& b) {
  for (std::int64_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

/// The distance of the closest value to zero: how far relu of it stays away from its kink. Exact zeros are what another
/// relu has cut off; they stay zero nearby.
inline double distance_to_kink(const Array64& x) {
  double smallest = INFINITY;
  for (double v : x.values)
    if (v != 0) smallest = std::fmin(smallest, std::fabs(v));
  return smallest;
}

}  // namespace octet::test
