// SPDX-License-Identifier: Apache-2.0
// The operator table: what is known of an op, whoever executes it, in one row.
//
// Rows stand in a file per family: operators_conv.cpp, operators_pool.cpp, ... infer_shapes(), the ONNX reader and
// writer, the int8 runtime and quantization read them; an op on tensors asks its row's family for the shape. What
// executes an op is found by the same name: on tensors in autograd/execution.h, in a deployed plan in deploy/.
// docs/adding_an_op.md shows how a row comes to be.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "octet/graph/graph.h"
#include "octet/kernels/float/function.h"

namespace octet {

namespace onnx_format {
class NodeReader;
class NodeWriter;
struct ReadNode;
}  // namespace onnx_format

/// What a shape rule knows of a node.
class Operands {
 public:
  /// Null stands for an optional input that is absent.
  Operands(std::span<const Shape* const> shapes, const Attributes& attributes)
      : shapes_(shapes), attributes_(attributes) {}

  std::size_t count() const { return shapes_.size(); }
  /// The shape of input i, or null.
  const Shape* find(std::size_t i) const { return i < shapes_.size() ? shapes_[i] : nullptr; }
  /// The same. Throws Error if there is none.
  const Shape& shape(std::size_t i) const;
  const Attributes& attributes() const { return attributes_; }

 private:
  std::span<const Shape* const> shapes_;
  const Attributes& attributes_;
};

/// How quantization sees an op.
enum class QuantizedAs {
  kLayer,      ///< sums of products of its input and its weight: an int8 layer
  kCommutes,   ///< moves or picks values: on integers it gives integers of the same grid
  kFunction,   ///< a function of one value, element by element: on 8 bits a table of 256
  kFloats,     ///< reads and gives floats
  kQuantizer,  ///< goes from floats to integers, or back
};

/// An operator of ONNX that an op is read from.
struct OnnxForm {
  const char* name;
  onnx_format::ReadNode (*read)(onnx_format::NodeReader& node);
  std::int64_t since = 1;  ///< the opset that brought this form
};

/// Inputs without an upper limit.
inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

struct Operator {
  const char* name;  ///< the key: "conv2d"
  std::size_t least_inputs, most_inputs;
  /// All options with the values that stand for absent ones; their types are those of the values.
  Attributes (*defaults)();
  /// Shapes of the results. Throws Error "conv2d: rule (values)" where sizes and options do not fit each other.
  std::vector<Shape> (*shapes)(const Operands& operands);
  QuantizedAs quantized;

  /// Of a function of one value: which; the attribute that is its option `a`, or null.
  std::optional<kernels::Function> function = {};
  const char* function_option = nullptr;

  std::vector<OnnxForm> read_from = {};
  /// Null: ONNX has no operator for it here.
  void (*write)(onnx_format::NodeWriter& node) = nullptr;

  /// Why nothing executes it on tensors, or in a deployed plan; null where something does.
  const char* no_tensors = nullptr;
  const char* not_deployed = nullptr;
};

/// All rows, family by family.
std::span<const Operator* const> all_operators();
/// Null if there is none of that name.
const Operator* find_operator(std::string_view name);
/// The row of a function of one value.
const Operator& operator_of(kernels::Function function);
/// Throws Error, with the nearest name, if there is none.
const Operator& get_operator(std::string_view name);

/// Whether the node is a layer with weights, which can run in int8.
bool is_layer(const Node& node);

/// The option `a` of a function of one value, 0 for one without.
float function_option(const Operator& op, const Attributes& attributes);

/// Throws Error, naming the op, unless it may have so many inputs.
void check_input_count(const Operator& op, std::size_t count);
/// Throws Error, naming the op, unless the attributes are options of the op, of their types.
void check_attributes(const Operator& op, const Attributes& attributes);

}  // namespace octet
