// SPDX-License-Identifier: Apache-2.0
// What a backward pass keeps of the forward pass.
#pragma once

#include <cstdint>

#include "octet/autograd/tensor.h"

namespace octet {

/// A tensor that the backward pass of `op` will read. A gradient made of other values than the forward pass used would
/// be wrong without a sign of it; so get() throws Error, naming op and tensor, if somebody has written to it since.
class Saved {
 public:
  Saved() = default;
  /// `t` may be undefined. `op` and `name` must live as long as this.
  Saved(const char* op, const char* name, const Tensor& t);

  const Tensor& get() const;
  const Shape& shape() const { return tensor_.shape(); }
  /// For its gradient: a new tensor of its shape and layout.
  Tensor empty_like() const { return Tensor::empty(tensor_.shape(), tensor_.layout()); }
  const float* data() const { return get().values().data(); }

 private:
  const char *op_ = "", *name_ = "";
  Tensor tensor_;
  std::uint64_t version_ = 0;
};

}  // namespace octet
