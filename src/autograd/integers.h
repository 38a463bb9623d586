// SPDX-License-Identifier: Apache-2.0
// The integers behind a quantized tensor. conv2d, conv_transpose2d and linear run in int8 when both their input and
// their weight have them; every other op reads the same numbers as floats.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/quantize/fake_quant.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet {

/// value = (q - zero_point) * scale, in the tensor's order in memory.
struct ActivationIntegers {
  kernels::Buffer q;  ///< uint8
  kernels::Int8Scale scale;

  const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(q.data()); }
};

/// value = q * scale of its output channel.
struct WeightIntegers {
  kernels::Buffer q;  ///< int8, row-major
  kernels::ChannelView view;
  std::vector<float> scales;  ///< one per output channel
  /// If not empty, the layer adds these to its sums, and its bias only stands for them:
  /// y = (float(sum) + float(bias)) * (scale of x * scale).
  std::vector<std::int32_t> bias{};

  const std::int8_t* data() const { return static_cast<const std::int8_t*>(q.data()); }
};

/// Null where a tensor has none.
const ActivationIntegers* activation_integers(const Tensor& t);
const WeightIntegers* weight_integers(const Tensor& t);
/// A weight given by its integers. Floats are made when somebody reads them; writing to them drops the integers.
Tensor make_integer_weight(const Shape& shape, WeightIntegers integers);
/// Shows x's values in memory order, in one or several pieces, without keeping them if x has not been computed yet: for
/// who looks at x and is not its reader.
void visit_values(const Tensor& x, const std::function<void(std::span<const float>)>& visit);

/// kInt8: what is quantized to 8 bits keeps its integers, and layers run on them. kFloat: fake quantization, the slow
/// path that defines what the other one must give; for tests.
enum class QuantizedForward { kInt8, kFloat };
void set_quantized_forward(QuantizedForward how);
QuantizedForward quantized_forward();

/// How many ops read a tensor. kOne: its values need not be kept once it is quantized.
enum class Readers { kOne, kMany };

/// x on the grid; the gradient is that of kernels::clipped_backward(): dx passes where x is on the grid, clip_max and
/// clip_min (scalars; undefined: not learned) receive their sums. If x is still to be computed from batch norms, that
/// and the quantizing are one pass, and so is their backward. Throws Error, in the name of `layer`, if x is not finite.
Tensor quantize_activation(const char* layer, const Tensor& x, const Tensor& clip_max, const Tensor& clip_min,
                           const kernels::ClippedGrid& grid, Readers readers);

}  // namespace octet
