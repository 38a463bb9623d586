// SPDX-License-Identifier: Apache-2.0
// No table says here what can be deployed: the functions that make, read and plan the files are asked, each with a
// place to note what it refuses. What one refuses stays a gap that the next one steps over.
#include "octet/quant/deployment_obstacles.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "octet/base/error.h"
#include "octet/deploy/model.h"
#include "octet/deploy/obstacles.h"
#include "octet/graph/live_nodes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/graph/onnx_writer.h"
#include "octet/kernels/core/memory.h"
#include "octet/nn/lost_parameters.h"
#include "octet/quant/deployed_graph.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/fake_quant_form.h"
#include "octet/quant/qat_layers.h"

namespace octet {
namespace {

constexpr const char* kSource = "the deployed network";

// Clips of a grid with scale 1 (as far as a fixed minimum lets them), and scales for learned ones: values that training
// would find, so that the layers are what they will be once they are deployed.
void give_clips(Module& model) {
  model.visit([](const std::string&, Module& module) {
    auto* const qat = dynamic_cast<QatModule*>(&module);
    if (!qat) return;
    const RetrainWeightConfig& config = qat->config().retrain_weight_config;
    const auto fill = [&](const NamedTensor& named) {
      Tensor tensor = named.tensor;
      if (named.name.starts_with("acts_clip_max")) std::ranges::fill(tensor.mutable_values(), 127.0F);
      if (named.name.starts_with("acts_clip_min")) std::ranges::fill(tensor.mutable_values(), -128.0F);
      if (named.name == "wts_scales")
        std::ranges::copy(arq_scales("wts_scales", qat->weight(), qat->weight_view(), config.channel_wise.value(),
                                     bits_of(config.dst_type)),
                          tensor.mutable_values().begin());
    };
    for (const NamedTensor& named : qat->own_parameters()) fill(named);
    for (const NamedTensor& named : qat->own_buffers()) fill(named);
    for (const NamedCounter& counter : qat->own_counters())
      if (counter.name == "acts_initialised" || counter.name == "cur_batch") *counter.value = 1;
  });
}

Shape with_batch(Shape shape, std::int64_t batch) {
  if (!shape.empty()) shape[0] = batch;
  return shape;
}

// The graph as it comes back from the file, with the shapes that results had before, and what runs it asked whether it
// can.
void look_at_plan(const Graph& written, Graph read, std::int64_t batch, Obstacles& found) {
  std::map<std::string, Shape> shapes;
  for (const Value& value : written.values)
    if (value.kind != Value::Kind::kConstant) shapes[value.name] = with_batch(value.shape, batch);
  for (Value& value : read.values)
    if (const auto known = shapes.find(value.name); !value.data && known != shapes.end()) value.shape = known->second;
  std::vector<Shape> inputs;
  for (const int input : read.inputs) inputs.push_back(read.values[static_cast<std::size_t>(input)].shape);
  const Obstacles more = deploy::find_obstacles(std::move(read), inputs);
  found.insert(found.end(), more.begin(), more.end());
}

// One obstacle per node, the first that was met, in the words of the network: its ops and modules.
Obstacles in_terms_of(const Graph& graph, const Obstacles& found) {
  std::map<std::string, const Node*> nodes;
  for (const Node& node : graph.nodes) nodes[graph.values[static_cast<std::size_t>(node.output)].name] = &node;
  std::set<std::string> known;
  Obstacles unique;
  for (Obstacle obstacle : found) {
    if (!known.insert(obstacle.node).second) continue;
    if (const auto node = nodes.find(obstacle.node); node != nodes.end() && node->second->op != "refused") {
      obstacle.op = node->second->op;
      obstacle.module = node->second->module;
    }
    unique.push_back(std::move(obstacle));
  }
  return unique;
}

Obstacles lost_heads(Module& converted, const Tensor& input, const Graph& evaluation) {
  std::map<std::string, std::string> names;  // by module
  for (const std::string& name : lost_parameters_of(converted, input, evaluation)) {
    const std::size_t dot = name.rfind('.');
    std::string& list = names[dot == std::string::npos ? "" : name.substr(0, dot)];
    list += (list.empty() ? "" : ", ") + name.substr(dot == std::string::npos ? 0 : dot + 1);
  }
  Obstacles found;
  for (const auto& [module, list] : names)
    found.push_back(
        {.node = {},
         .op = {},
         .why = text("training moves its ", list, ", but the output does not depend on them: ", kLostParametersHint),
         .module = module});
  return found;
}

Obstacles look(Module& converted, const Tensor& input, const QuantForm& form, bool force_fp16_quant) {
  const Graph trace = evaluation_trace(converted, input);
  Obstacles lost = lost_heads(converted, input, trace), found;
  const Graph live = live_nodes(trace);
  const Graph graph = deployed_graph(live, converted, form, {"input", ""}, force_fp16_quant, &found);
  const std::string file = write_onnx(graph, {}, &found);
  if (form.is_deployed_here()) {
    const Graph read = read_onnx(file, kSource, &found);
    for (const std::int64_t batch : {1, 2}) look_at_plan(graph, read, batch, found);
  }
  write_onnx(deployed_graph(live, converted, fake_quant_form(), {"input", ""}, force_fp16_quant, &found), {}, &found);
  found = in_terms_of(graph, found);
  if (found.empty() && form.is_deployed_here()) deploy::Model::parse(file, kSource).prepare(1);
  kernels::release_cached_memory();
  found.insert(found.begin(), lost.begin(), lost.end());
  return found;
}

}  // namespace

Obstacles deployment_obstacles(Module& converted, const Tensor& input, const QuantForm& form, bool force_fp16_quant) {
  try {
    give_clips(converted);
    return look(converted, Tensor::zeros(with_batch(input.shape(), 1)), form, force_fp16_quant);
  } catch (const Error& error) {  // of the network as a whole
    return {{.node = {}, .op = {}, .why = error.what()}};
  }
}

std::vector<std::string> lost_parameters_of(Module& converted, const Tensor& input, const Graph& evaluation) {
  std::vector<std::string> quantized;
  converted.visit([&](const std::string& path, Module& module) {
    if (dynamic_cast<const QatModule*>(&module)) quantized.push_back(path);
  });
  return lost_parameters(converted, evaluation, training_trace(converted, input), quantized);
}

std::string in_lines(std::span<const Obstacle> obstacles) {
  std::string lines;
  for (const Obstacle& obstacle : obstacles) lines += "\n  " + to_text(obstacle);
  return lines;
}

}  // namespace octet
