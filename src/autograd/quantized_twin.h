// SPDX-License-Identifier: Apache-2.0
// Which tensor is already quantized, and by whom, is known to the tensor, so that quantizers remember nothing and
// threads may share them. The notes are kept under a lock of the tensor.
#pragma once

#include <cstdint>

#include "octet/autograd/tensor.h"

namespace octet {

/// Names a quantizer for ever: no other one of the program gets the same.
std::uint64_t new_quantizer_id();

/// Whether `t` is a result of that quantizer on that grid, and as it was. `grid`: a number that is another for other
/// clips.
bool made_by(const Tensor& t, std::uint64_t quantizer, std::uint64_t grid);

/// What a quantizer that several layers share has to do for the layer `reader`, which gives it x. `again`: another of
/// its layers has brought x in this forward pass, and this one has not; `quantized` is then what that one got, if it is
/// still there and on `grid`. A layer that comes back with the same tensor has begun another forward pass, and so has
/// everybody once x was written to.
struct TwinClaim {
  bool again = false;
  Tensor quantized{};
  std::uint64_t number = 0;  ///< of the forward pass, for keep_twin()
};
TwinClaim claim_twin(const Tensor& x, std::uint64_t quantizer, std::uint64_t grid, const void* reader);
/// Notes y as what the quantizer made of x, on `grid`, for that claim.
void keep_twin(const Tensor& x, std::uint64_t quantizer, std::uint64_t grid, const TwinClaim& claim, const Tensor& y);

}  // namespace octet
