// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/sequential.h"

namespace octet {

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& child : children()) y = (*child)(y);
  return y;
}

std::unique_ptr<Module> Sequential::clone() const { return copy_state_to(std::make_unique<Sequential>()); }

}  // namespace octet
