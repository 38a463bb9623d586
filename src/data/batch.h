// SPDX-License-Identifier: Apache-2.0
// Batch: what the network gets in one step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/base/rng.h"
#include "octet/data/dataset.h"
#include "octet/data/transform.h"

namespace octet {

struct Batch {
  Tensor images;  ///< [N, C, H, W]
  std::vector<std::int64_t> labels;
};

/// Reads and transforms the samples at `indices`. Sample i draws from rng.fork(i) alone, whatever batch it is in.
/// Throws Error if the transformed images are not of one size.
Batch make_batch(const Dataset& dataset, std::span<const std::int64_t> indices, const Transform& transform,
                 const Rng& rng);

/// Throws Error, as make_batch() does, if `transform` does not fit the images of a set or leaves them in several sizes;
/// for images of sizes that are not known it throws later. Reads an image of each size.
void require_fitting(const Dataset& dataset, const Transform& transform);

/// One image as a batch [1, C, H, W], for prediction.
Tensor to_tensor(const Image& image, const Transform& transform, Rng& rng);

}  // namespace octet
