// SPDX-License-Identifier: Apache-2.0
// What int8 layers over the same weights have in common, whatever the number and size of their images: one network that
// is run for many batch sizes has its weights packed once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "octet/kernels/int8/int8_epilogue.h"

namespace octet::kernels {

/// Weights, input and epilogue of an int8 layer, and what was made of them so far: weights in the formats of kernels,
/// proofs about scales. Many threads may make layers of it at once.
class Int8Shared {
 public:
  /// `weights` row-major. `zero_point` of the input, 0 .. 255.
  Int8Shared(std::int32_t zero_point, std::shared_ptr<const std::vector<std::int8_t>> weights, Int8Epilogue epilogue);
  ~Int8Shared();

  std::int32_t zero_point() const { return zero_point_; }
  const std::shared_ptr<const std::vector<std::int8_t>>& weights() const { return weights_; }
  const Int8Epilogue& epilogue() const { return epilogue_; }

  /// Private to the room: int8_made.h.
  struct Made;
  Made& made() const { return *made_; }

 private:
  std::int32_t zero_point_;
  std::shared_ptr<const std::vector<std::int8_t>> weights_;
  Int8Epilogue epilogue_;
  std::unique_ptr<Made> made_;
};

}  // namespace octet::kernels
