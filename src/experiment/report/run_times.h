// SPDX-License-Identifier: Apache-2.0
// How fast deployed models are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "octet/deploy/model.h"

namespace octet {

/// A measurement ends after at least so many rounds and at least that long.
struct Rounds {
  int fewest;
  double seconds = 0.0;
};

/// Median milliseconds of each model's run of `batch` inputs, one model after the other in each round, because a
/// machine is never equally fast twice. The first run of a batch size is slower than those that follow: give it before.
/// Throws Error if there are no rounds, and what Model::run() throws.
std::vector<double> median_milliseconds(const std::vector<const deploy::Model*>& models, std::span<const float> input,
                                        std::int64_t batch, const Rounds& rounds);
double median_milliseconds(const deploy::Model& model, std::span<const float> input, std::int64_t batch, int rounds);

}  // namespace octet
