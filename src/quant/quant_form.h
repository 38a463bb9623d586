// SPDX-License-Identifier: Apache-2.0
// How a file says what a quantized layer computes. deployed_graph() walks the trace of a retrained model and asks a
// form for the nodes of each quantizer and layer.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "octet/graph/graph.h"
#include "octet/quant/integer_layer.h"

namespace octet {

/// A quantizer of the trace. The integer q, signed and of 8 bits, stands for (q - offset) * scale.
struct TracedQuantizer {
  std::string name;  ///< of the layer that it belongs to
  int input;         ///< what it reads: a value of the trace
  float scale;
  std::int32_t offset;
};

/// A quantized layer of the trace in its integers.
struct TracedLayer {
  const Node& node;  ///< module is its name
  const kernels::ChannelView& weight_view;
  const TracedQuantizer& input;
  IntegerLayer integers;
  std::vector<float> scales;   ///< of the weight, one or one per output channel
  std::vector<float> factors;  ///< of the sums, as many: scale of the input * scale of the weight
  Shape weight_shape, result_shape;

  bool is_linear() const;
};

/// The graph that is being made, to whose end a form adds.
class DeployedNodes {
 public:
  virtual ~DeployedNodes() = default;

  /// Both return the index of the new value. A name that is taken gets a '_' behind it.
  int constant(std::string name, Shape shape, ConstantData data);
  int node(std::string op, std::string name, Shape shape, std::vector<int> inputs, Attributes attributes = {});

  Shape shape_of(int value) const;
  const Node& producer_of(int value) const;

  /// A quantizer's integers, and the floats they stand for. They are made for the first who asks.
  virtual int integers_of(const TracedQuantizer& quantizer) = 0;
  virtual int floats_of(const TracedQuantizer& quantizer) = 0;

 protected:
  int add(Value value);

  Graph graph_;

 private:
  std::set<std::string> names_;
};

/// Each function adds nodes and returns the value that the last of them computes. They throw Error for what the form
/// cannot say.
class QuantForm {
 public:
  virtual ~QuantForm() = default;

  /// Whether octet::deploy reads its files.
  virtual bool is_deployed_here() const = 0;

  /// `x`: the value that `quantizer` reads.
  virtual int integers(DeployedNodes& nodes, const TracedQuantizer& quantizer, int x) const = 0;
  /// What `integers`, made by the function above, stand for.
  virtual int floats(DeployedNodes& nodes, const TracedQuantizer& quantizer, int integers) const = 0;
  virtual int layer(DeployedNodes& nodes, const TracedLayer& layer) const = 0;
};

/// For forms that compute on whole numbers: the layer's sums with its bias, before they are scaled. `weight` and `bias`
/// are its integers in the type of the form. The matrix of a Linear layer is written as [in, out], as Huawei's AMCT has
/// it.
int whole_sums(DeployedNodes& nodes, const TracedLayer& layer, ConstantData weight, ConstantData bias);

}  // namespace octet
