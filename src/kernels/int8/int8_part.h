// SPDX-License-Identifier: Apache-2.0
// How one part of an int8 layer gets its sums: a kernel that can be trusted, and the weights in its format. Private to
// the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "octet/kernels/core/memory.h"
#include "octet/kernels/int8/int8_direct.h"
#include "octet/kernels/int8/int8_layer.h"
#include "octet/kernels/int8/int8_primitive.h"
#include "octet/kernels/int8/int8_shared.h"

namespace octet::kernels {

class Int8PartSums {
 public:
  /// Output channels first, first + 1, ... of `layer`, whose weights `shared` has; it must outlive this. No sum is
  /// larger than `largest_sum`.
  Int8PartSums(const Int8LayerShape& part, const Int8LayerShape& layer, std::int64_t first, const Int8Shared& shared,
               std::int64_t largest_sum);

  /// What is to be added to the sums, one value per channel; empty where nothing is.
  const std::vector<std::int32_t>& correction() const { return correction_; }

  /// Whether run() can put its sums on top of something else, for nothing.
  bool takes_start() const { return direct_.has_value(); }

  /// Calls done(acc, pixels, first): the sums of pixels first .. first + pixels - 1, all channels side by side, but for
  /// the correction, on top of `start`, one value per channel or null.
  template <typename F>
  void run(const std::uint8_t* x, const std::int32_t* start, const F& done) const {
    if (direct_) return direct_->run(x, start, done);
    const Buffer sums(outputs() * static_cast<std::int64_t>(sizeof(std::int32_t)));
    auto* const acc = static_cast<std::int32_t*>(sums.data());
    compute(x, acc);
    done(acc, outputs() / layer_.out_channels(), 0);
  }

  /// Bytes that this takes besides what `shared` has, about.
  std::int64_t own_bytes() const;

  /// See Int8Layer.
  std::string implementation() const;

 private:
  // What some pixels lack besides the correction, because their windows reach beyond the image.
  struct Border {
    std::vector<std::int64_t> pixels;
    std::vector<std::int32_t> values;  // [pixels, channels]
  };

  Int8PrimitivePtr choose_primitive() const;
  void take_zero_point_off();
  void compute(const std::uint8_t* x, std::int32_t* acc) const;
  void compute_as_floats(const std::uint8_t* x, std::int32_t* acc) const;
  std::int64_t outputs() const { return layer_.s.n * layer_.out_image(); }

  Int8LayerShape layer_;
  std::int32_t zero_point_;
  const std::int8_t* weights_;
  // The first that is there computes; else the scalar loop.
  std::optional<Int8Direct> direct_;
  std::optional<PackedInt8Primitive> primitive_;
  std::vector<float> float_weights_;
  std::vector<std::int32_t> correction_;
  Border border_;
};

}  // namespace octet::kernels
