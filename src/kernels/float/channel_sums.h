// SPDX-License-Identifier: Apache-2.0
// Sums per channel over a batch. Data are rows x channels, channels fastest. Sums over rows run over chunks chosen from
// the shape alone, sixteen lanes each, and are added in chunk order in double.
#pragma once

#include <cstdint>

namespace octet::kernels {

struct Rows {
  std::int64_t rows = 0, channels = 0;
  std::int64_t size() const { return rows * channels; }
};

/// Per-channel mean and biased variance of x. Shifted by the first row, so a large mean costs no accuracy.
void channel_moments(const Rows& shape, const float* x, float* mean, float* variance);
/// 1 / sqrt(variance + eps), rounded once: what every batch normalisation multiplies by, here and in files.
float inverse_deviation(float variance, double eps);
/// sum[c] = sum over rows of x.
void channel_sums(const Rows& shape, const float* x, float* sum);

/// x += bias[c].
void add_channels(const Rows& shape, const float* bias, float* x);

}  // namespace octet::kernels
