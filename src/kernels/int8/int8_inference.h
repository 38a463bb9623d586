// SPDX-License-Identifier: Apache-2.0
// Int8 layers for deployment: weights packed once, sums and everything that follows them in one call, no allocation
// once warm. The sums are those of a scalar loop, whatever the instruction set and the version of oneDNN.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "octet/kernels/float/conv.h"
#include "octet/kernels/int8/int8_epilogue.h"
#include "octet/kernels/int8/int8_shared.h"

namespace octet::kernels {

/// Which sums: of a convolution, or of the transposed convolution whose data gradient `shape` is (from
/// [n, co, oh, ow] to [n, ci, h, w], weights [co, ci / groups, kh, kw]).
struct Int8Sums {
  ConvShape shape;
  bool transposed = false;
  std::int32_t zero_point = 0;  ///< of the input, 0 .. 255; padding counts as it
};

/// One layer for one shape. It may be run by many threads at once.
class Int8Layer {
 public:
  /// Packs row-major `weights`. Each kernel is compared with a scalar loop before it is used for the first time in the
  /// process.
  Int8Layer(const Int8Sums& sums, std::span<const std::int8_t> weights, const Int8Epilogue& epilogue);
  /// The same for weights, zero point and epilogue that layers of other sizes share.
  Int8Layer(const ConvShape& shape, bool transposed, std::shared_ptr<const Int8Shared> shared);
  ~Int8Layer();
  Int8Layer(Int8Layer&&) noexcept;
  Int8Layer& operator=(Int8Layer&&) noexcept;

  /// x and results channels-last.
  void run(const std::uint8_t* x, const Int8Results& results) const;

  /// Adds the sums alone to acc, channels-last.
  void add_sums(const std::uint8_t* x, std::int64_t* acc) const;

  /// Bytes that it takes besides what is shared, about.
  std::int64_t own_bytes() const;

  /// "direct:avx512_vnni" (our own), "brgconv:avx512_core" (oneDNN's name), "2 x jit:avx2" (activations split into 7
  /// bits and 1, because this machine's u8 x s8 products saturate), "float32" (where oneDNN has no int8 kernel and sums
  /// stay below 2^24) or "loop"; "3 parts: ..." where int32 might not hold the sums.
  std::string implementation() const;

 private:
  struct Program;
  std::unique_ptr<const Program> program_;
};

}  // namespace octet::kernels
