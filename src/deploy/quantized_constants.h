// SPDX-License-Identifier: Apache-2.0
// The constants of a QDQ model: scales, zero points, weights and biases. Private to the room.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "octet/graph/graph.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::deploy {

/// A dequantized constant: (q - zero_point) * scale along `axis`.
struct QuantizedConstant {
  const Value* q;
  std::vector<float> scales;              ///< one, or one per index of the axis
  std::vector<std::int64_t> zero_points;  ///< as many
  std::size_t axis;

  /// int8 with zero points 0: what int8 layers multiply.
  bool symmetric() const;
  std::shared_ptr<const std::vector<std::int8_t>> int8() const;
};

struct ActivationScale {
  kernels::Int8Scale scale;  ///< in u8 form
  bool is_signed;
};

class ConstantReader {
 public:
  explicit ConstantReader(const Graph& graph) : graph_(graph) {}

  /// Notes a dequantize node that reads a constant.
  void define(const Node& node);
  /// What define() noted for a value, or null.
  const QuantizedConstant* quantized(int value) const;
  /// A constant's values, dequantized if need be. Throws Error if it is none, or if one of them is not finite.
  std::vector<float> floats(int value) const;
  /// The same of one that is stored in floats, where it lies.
  const std::vector<float>& stored_floats(int value) const;

  /// Scale and zero point of a quantize or dequantize node over activations. Throws Error unless there is one of each,
  /// the scale is finite and positive, and the type is int8 or uint8.
  ActivationScale activation_scale(const Node& node) const;

  /// The integers of a bias, as float, if the file has them and they belong to these scales, one per channel.
  std::optional<std::vector<float>> integer_bias(int value, const std::vector<float>& scale) const;

 private:
  const Value& constant(int value, const char* what) const;

  const Graph& graph_;
  std::map<int, QuantizedConstant> quantized_;
  std::int64_t scales_ = 0;  // in all of them
};

/// Row-major [rows, columns] -> [columns, rows].
std::vector<float> transpose(const std::vector<float>& values, const Shape& shape);
std::shared_ptr<const std::vector<std::int8_t>> transpose(const std::vector<std::int8_t>& values, const Shape& shape);

}  // namespace octet::deploy
