// SPDX-License-Identifier: Apache-2.0
// The sums of an int8 layer by a u8 x s8 primitive of oneDNN. Private to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/int8/int8_layer.h"
#include "octet/kernels/onednn/onednn.h"

namespace octet::kernels {

/// How a primitive is used.
struct Int8Form {
  Int8Result result = Int8Result::kInt32;
  bool zero_point = false;  ///< it takes one and subtracts it; else that is the caller's part
  /// q = 2 * (q >> 1) + (q & 1): two runs on at most 7 bits, whose products cannot saturate. Int32 without zero point.
  bool in_halves = false;

  friend bool operator==(const Int8Form&, const Int8Form&) = default;
};

struct Int8Primitive {
  Int8LayerShape layer;
  Int8Form form;
  ConvPrimitive conv;

  /// "brgconv:avx512_core" (oneDNN's name), "2 x jit:avx2" in halves.
  std::string name() const { return (form.in_halves ? "2 x " : "") + conv.implementation; }
};

using Int8PrimitivePtr = std::shared_ptr<const Int8Primitive>;

/// The primitive in this form if oneDNN has one and its sums are right (int8_trial.h), else null.
Int8PrimitivePtr trusted_int8_primitive(const Int8LayerShape& layer, const Int8Form& form);

/// `weights`, row-major, in the format of a primitive.
Buffer pack_weights(const Int8Primitive& primitive, const std::int8_t* weights);

/// A primitive with a layer's weights in its format. It may be run by many threads at once, each with OpenMP set to a
/// single thread; once warm it allocates nothing.
class PackedInt8Primitive {
 public:
  /// `weights` row-major.
  PackedInt8Primitive(const Int8PrimitivePtr& primitive, std::int32_t zero_point, const std::int8_t* weights);
  /// The same with weights that were packed before.
  PackedInt8Primitive(Int8PrimitivePtr primitive, std::int32_t zero_point, std::shared_ptr<const Buffer> packed);
  ~PackedInt8Primitive();
  PackedInt8Primitive(PackedInt8Primitive&&) noexcept;

  /// Channels-last; sums: int32 or float, as the form says.
  void run(const std::uint8_t* x, void* sums) const;

  const Int8Primitive& primitive() const { return *primitive_; }

 private:
  class Arguments;
  class ArgumentPool;

  void execute(const std::uint8_t* x, void* sums) const;

  Int8PrimitivePtr primitive_;
  std::int32_t zero_point_;
  std::shared_ptr<const Buffer> packed_;
  std::unique_ptr<ArgumentPool> pool_;
};

}  // namespace octet::kernels
