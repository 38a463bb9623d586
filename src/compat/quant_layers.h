// SPDX-License-Identifier: Apache-2.0
// Single layers in int8, with the arithmetic of the NPU operators in Huawei's torch_npu:
//
//   acc = bias + sum of input * weight        exact; cells of the padding hold offset_x
//   f   = float32(acc) * scale
//   y   = float16(f), or f
//
// For float16 output the scale is cut to 19 bits first, as NPUs hold it (see packed_scale.h); float32 output, groups,
// the linear and the transposed layer go beyond torch_npu. In a transposed convolution the cells that lie
// between and around the inputs hold offset_x, so that a quantized zero adds nothing that the bias does not take off.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "octet/base/shape.h"

namespace octet::deploy {

struct Int8Tensor {
  Shape shape;
  std::vector<std::int8_t> values;  ///< row-major: images are [N, C, H, W]
};
/// The output; the vector that is not of the layer's output_dtype is empty.
struct QuantOutput {
  Shape shape;
  std::vector<std::uint16_t> float16;  ///< bits
  std::vector<float> float32;
};

/// One per output channel: as float32, or packed.
using QuantScale = std::variant<std::vector<float>, std::vector<std::int64_t>>;

/// What all three layers are made of. Throws Error if counts and shapes do not fit.
struct QuantParameters {
  std::vector<std::int8_t> weight;  ///< row-major, in the shape of the float layer's
  QuantScale scale;
  std::vector<std::int32_t> bias = {};  ///< there exactly if the options say so
};

/// Arguments that torch_npu has and that change nothing.
struct ReservedOptions {
  std::vector<float> offset = {};
  std::string device = {}, dtype = {};
};

struct QuantConv2dOptions {
  std::int64_t in_channels, out_channels;
  Size2 kernel_size;        ///< 1 .. 255
  Size2 stride = 1;         ///< 1 .. 63
  Size2 padding = 0;        ///< 0 .. 255
  Size2 dilation = 1;       ///< 1 .. 255
  std::int64_t groups = 1;  ///< divides the channels
  bool bias = true;
  std::int64_t offset_x = 0;             ///< -128 .. 127
  std::string output_dtype = "float16";  ///< or "float32"
  std::string round_mode = "rint";       ///< the only one
  ReservedOptions reserved = {};
};

struct QuantConvTranspose2dOptions {
  std::int64_t in_channels, out_channels;
  Size2 kernel_size;
  Size2 stride = 1, padding = 0, output_padding = 0, dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  std::int64_t offset_x = 0;
  std::string output_dtype = "float16";
  std::string round_mode = "rint";
  ReservedOptions reserved = {};
};

struct QuantLinearOptions {
  std::int64_t in_features, out_features;
  bool bias = true;
  std::int64_t offset_x = 0;
  std::string output_dtype = "float16";
  std::string round_mode = "rint";
  ReservedOptions reserved = {};
};

/// What the three layers share: one convolution, forward or transposed.
class QuantLayer {
 public:
  virtual ~QuantLayer();
  QuantLayer(const QuantLayer&) = delete;
  QuantLayer& operator=(const QuantLayer&) = delete;

  /// Inference only; may be called from many threads at once. Throws Error if x does not fit.
  virtual QuantOutput forward(const Int8Tensor& x) const = 0;

 protected:
  struct Engine;
  explicit QuantLayer(std::unique_ptr<Engine> engine);
  const Engine& engine() const { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
};

/// x [N, Cin, H, W], weight [Cout, Cin/groups, Kh, Kw] -> [N, Cout, H', W'], sizes as conv2d.
class QuantConv2d final : public QuantLayer {
 public:
  /// Throws Error, naming the argument and its limits.
  QuantConv2d(const QuantConv2dOptions& options, const QuantParameters& parameters);
  QuantOutput forward(const Int8Tensor& x) const override;
};

/// x [N, Cin, H, W], weight [Cin, Cout/groups, Kh, Kw] -> [N, Cout, H', W'], sizes as conv_transpose2d.
class QuantConvTranspose2d final : public QuantLayer {
 public:
  QuantConvTranspose2d(const QuantConvTranspose2dOptions& options, const QuantParameters& parameters);
  QuantOutput forward(const Int8Tensor& x) const override;
};

/// x [..., in], weight [out, in] -> [..., out].
class QuantLinear final : public QuantLayer {
 public:
  QuantLinear(const QuantLinearOptions& options, const QuantParameters& parameters);
  QuantOutput forward(const Int8Tensor& x) const override;
};

}  // namespace octet::deploy
