// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution's input, not computed yet: a quantizer in front of the first layer, whose input needs
// no gradient, wants only its product with something, for which there is a cheaper way. Private to the room.
#pragma once

#include <cstdint>

#include "octet/autograd/body.h"
#include "octet/kernels/core/conv_shape.h"

namespace octet::detail {

class ConvGradient final : public Recipe {
 public:
  ConvGradient(const char* op, const kernels::ConvShape& shape, const Tensor& w, const Tensor& dy);

  void fill(const TensorBody& body, float* values) const override;
  /// The sum over its product with m, as large as the input: <m, conv'(dy)> = <conv(m), dy>.
  double product(const float* m) const;
  /// The same for whole numbers from 0 to 255: in int8, if w has integers.
  double product(const std::uint8_t* m) const;

 private:
  const float* weight() const { return w_values_ ? w_values_->floats() : w_.values().data(); }

  kernels::ConvShape shape_;
  Tensor w_;           // where it has integers
  Snapshot w_values_;  // where it has not
  Snapshot dy_;
  std::int64_t results_;
};

/// The recipe of t if it is such a gradient and not computed yet, else null.
const ConvGradient* conv_gradient_of(const Tensor& t);

}  // namespace octet::detail
