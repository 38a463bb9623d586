// SPDX-License-Identifier: Apache-2.0
// A graph on its way to a program: what the functions that lower nodes ask and define. Private to the room.
//
// Each value of the graph is known in up to two forms: as a float tensor, and as a u8 tensor that it equals once
// dequantized. A step takes the form that suits it; the float form of a quantized value is computed only if somebody
// needs it.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "octet/deploy/program.h"
#include "octet/deploy/quantized_constants.h"
#include "octet/graph/graph.h"

namespace octet::deploy {

/// What is known of a value of the graph.
struct Form {
  int real = -1;            ///< float tensor
  Operand quantized = {};   ///< u8 tensor and what it stands for
  bool integers = false;    ///< the value is the integers themselves, between QuantizeLinear and DequantizeLinear
  bool is_signed = false;   ///< of those: int8, so that u8 is 128 more
  bool from_input = false;  ///< the network's input as it was given
};

inline bool same(const Int8Scale& a, const Int8Scale& b) { return a.scale == b.scale && a.zero_point == b.zero_point; }

class Lowering {
 public:
  Lowering(const Graph& graph, SharedConstants& shared, Obstacles* found);
  Program run();

  // ---- the node that is lowered

  const Node& node() const { return *node_; }
  /// Its i-th input, -1 if that is absent.
  int input(std::size_t i) const { return i < node_->inputs.size() ? node_->inputs[i] : -1; }
  const Shape& input_shape(std::size_t i) const;
  const Shape& output_shape() const { return value(node_->output).shape; }

  // ---- values

  const Value& value(int v) const { return graph_.values[static_cast<std::size_t>(v)]; }
  Form& form(int v) { return forms_[static_cast<std::size_t>(v)]; }
  /// The float form, computed now if it was not yet. Throws Error for integers and constants.
  int real(int v);
  /// Either form, u8 if there is one.
  Operand any(int v);
  /// v on the grid of `scale`; each is computed once.
  Operand quantized_at(int v, const Int8Scale& scale);
  /// The one grid on which all readers of v quantize it, or nothing.
  std::optional<Int8Scale> scale_of_all_readers(int v);
  ConstantReader& constants() { return constants_; }
  SharedConstants& shared() { return shared_; }
  /// Float weights, as they are or transposed.
  SharedConstants::Floats weights(int v, bool transposed);
  /// Throws Error where what is made of constants takes more than 1 GiB: many nodes may read one constant, so that the
  /// size of the file is no bound.
  void count_constants(std::int64_t bytes);

  // ---- what comes out

  /// A step for the node, with a new tensor for its result.
  int add_step(const char* operation, Work work, std::vector<Operand> inputs, const Shape& shape, bool quantized);
  /// The memory of a tensor under another shape.
  int add_view(int tensor, const Shape& shape);
  /// The result of the node is this tensor.
  void define_real(int tensor) { form(node_->output).real = tensor; }
  void define_quantized(int tensor, const Int8Scale& scale) { form(node_->output).quantized = {tensor, scale}; }
  /// The same, quantized as the operand that it was made of.
  void define_like(const Operand& from, int tensor);

 private:
  int add_tensor(const Shape& shape, bool quantized);

  const Graph& graph_;
  SharedConstants& shared_;
  Obstacles* const found_;
  std::vector<Form> forms_;
  std::vector<std::vector<int>> readers_;  // of each value
  std::int64_t constant_bytes_ = 0;
  Program program_;
  const Node* node_ = nullptr;
  ConstantReader constants_{graph_};
  std::map<std::pair<int, std::pair<float, std::int32_t>>, int> quantized_;  // (float tensor or -1 for the input, grid)
};

}  // namespace octet::deploy
