// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/report/float_graph.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "octet/graph/live_nodes.h"
#include "octet/graph/operators_conv.h"
#include "octet/graph/operators_norm.h"
#include "octet/nn/evaluation_mode.h"
#include "octet/nn/lost_parameters.h"

namespace octet::detail {
namespace {

using Floats = std::vector<float>;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Gives every parameter and buffer its numbers.
void add_data(Graph& graph, const Module& module) {
  const auto add = [&](const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& named : tensors)
      for (Value& value : graph.values)
        if (value.kind == Value::Kind::kParameter && value.name == named.name)
          value.data = std::make_shared<const ConstantData>(named.tensor.to_vector());
  };
  add(module.named_parameters());
  add(module.named_buffers());
}

/// What was trained and is not in the graph would be missing in the file, and nobody would know.
void require_all_there(const Module& module, const Graph& graph, const Graph& training) {
  std::string names;
  for (const std::string& name : lost_parameters(module, graph, training)) names += (names.empty() ? "" : ", ") + name;
  require(names.empty(), "the output does not depend on trained parameters, so that the file would lack them: ", names,
          " (", kLostParametersHint, ")");
}

const Floats& floats(const Graph& graph, int value) { return std::get<Floats>(*graph.values[at(value)].data); }

int add_constant(Graph& graph, std::string name, Shape shape, Floats data) {
  Value value{Value::Kind::kConstant, std::move(name), std::move(shape), -1};
  value.data = std::make_shared<const ConstantData>(std::move(data));
  graph.values.push_back(std::move(value));
  return static_cast<int>(graph.values.size()) - 1;
}

/// Whether `norm` reads a convolution that nobody else reads.
bool folds(const Graph& graph, const Node& norm) {
  if (norm.op != ops::kBatchNorm) return false;
  const int conv = graph.values[at(norm.inputs[0])].producer;
  return conv >= 0 && graph.nodes[at(conv)].op == ops::kConv2d && graph.readers(norm.inputs[0]).size() == 1;
}

/// gamma (w x + b - mean) / sqrt(var + eps) + beta as one convolution, whose result is that of `norm`.
void fold(Graph& graph, const Node& norm) {
  const int index = graph.values[at(norm.inputs[0])].producer;
  Node conv = graph.nodes[at(index)];
  conv.inputs.resize(3, -1);
  const Floats gamma = floats(graph, norm.inputs[1]), beta = floats(graph, norm.inputs[2]);
  const Floats mean = floats(graph, norm.inputs[3]), variance = floats(graph, norm.inputs[4]);
  const auto channels = gamma.size();
  Floats weight = floats(graph, conv.inputs[1]);
  Floats bias = conv.inputs[2] < 0 ? Floats(channels) : floats(graph, conv.inputs[2]);
  const double eps = attribute(norm.attributes, "eps", 1e-5);
  const std::size_t run = weight.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto factor = static_cast<float>(gamma[c] / std::sqrt(static_cast<double>(variance[c]) + eps));
    for (std::size_t i = c * run; i < (c + 1) * run; ++i) weight[i] *= factor;
    bias[c] = (bias[c] - mean[c]) * factor + beta[c];
  }
  const Value old = graph.values[at(conv.inputs[1])];
  conv.inputs[1] = add_constant(graph, old.name, old.shape, std::move(weight));
  conv.inputs[2] = add_constant(graph, conv.module + ".bias", {static_cast<std::int64_t>(channels)}, std::move(bias));
  conv.output = norm.output;
  graph.nodes[at(index)] = std::move(conv);
}

}  // namespace

Graph float_graph(Module& module, const Shape& input) {
  Shape batch = input;
  batch.insert(batch.begin(), 1);
  const EvaluationMode mode(module);
  module.train();
  batch[0] = 2;  // a BatchNorm needs two values
  const Graph training = trace(module, Tensor::zeros(batch));
  module.eval();
  batch[0] = 1;
  Graph graph = trace(module, Tensor::zeros(batch));
  require_all_there(module, graph, training);
  graph = live_nodes(std::move(graph));
  add_data(graph, module);
  for (const int value : graph.inputs) graph.values[at(value)].shape[0] = -1;

  std::vector<bool> folded(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node node = graph.nodes[i];
    folded[i] = folds(graph, node);
    if (folded[i]) fold(graph, node);
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (folded[i]) continue;
    graph.values[at(graph.nodes[i].output)].producer = static_cast<int>(kept.size());
    kept.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(kept);
  return graph;
}

}  // namespace octet::detail
