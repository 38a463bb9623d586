// SPDX-License-Identifier: Apache-2.0
// What several ops ask of their inputs. Private to the room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "octet/autograd/body.h"
#include "octet/autograd/tensor.h"
#include "octet/base/error.h"

namespace octet::detail {

inline void require_defined(const char* op, const char* name, const Tensor& x) {
  require(x.defined(), op, ": ", name, " must be defined");
}

/// x is a 4-D tensor in channels-last order: kernels rely on that order.
inline void require_activation(const char* op, const char* name, const Tensor& x) {
  require_defined(op, name, x);
  require(x.rank() == 4, op, ": ", name, " must be an activation [N, C, H, W] (", name, " ", x.shape(), ")");
  require(x.layout() == Layout::kChannelsLast, op, ": ", name,
          " must be an activation, which lies channels-last; it is row-major, as weights are (", name, " ", x.shape(),
          ")");
}

/// A tensor's shape and layout without its values: what a backward function keeps when it does not read them.
struct ShapeAndLayout {
  Shape shape;
  Layout layout;

  explicit ShapeAndLayout(const Tensor& x) : shape(x.shape()), layout(x.layout()) {}
  Tensor empty() const { return Tensor::empty(shape, layout); }
  Tensor filled(double value) const {
    Tensor t = empty();
    std::fill_n(fresh_values(t), t.size(), static_cast<float>(value));
    return t;
  }
};

inline Tensor empty_like(const Tensor& x) { return Tensor::empty(x.shape(), x.layout()); }

/// Its shape, or null where an optional tensor is absent: as shape rules want it.
inline const Shape* shape_or_null(const Tensor& x) { return x.defined() ? &x.shape() : nullptr; }

}  // namespace octet::detail
