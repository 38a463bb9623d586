// SPDX-License-Identifier: Apache-2.0
// Walks the trace once. A quantizer becomes nodes when its first reader wants them, a quantized layer its integers in
// the form asked for, and everything else is copied with its parameters' values.
#include "octet/quant/deployed_graph.h"

#include <bit>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_quantization.h"
#include "octet/quant/fp16_scale.h"
#include "octet/quant/qat_layers.h"

namespace octet {
namespace {

class Builder final : public DeployedNodes {
 public:
  Builder(const Graph& trace, Module& model, const QuantForm& form, bool force_fp16_quant, Obstacles* found)
      : trace_(trace), form_(form), force_fp16_(force_fp16_quant), found_(found), index_(trace.values.size(), -1) {
    const auto note = [&](const std::vector<NamedTensor>& tensors) {
      for (const auto& [name, tensor] : tensors) tensors_.emplace(name, tensor);
    };
    note(model.named_parameters());
    note(model.named_buffers());
    model.visit([&](const std::string& path, Module& module) {
      if (const auto* qat = dynamic_cast<const QatModule*>(&module); qat && qat->config().retrain_enable)
        layers_[path] = qat;
    });
  }

  Graph build(const GraphNames& names) {
    for (const int input : trace_.inputs) {
      Value value = trace_.values[at(input)];
      if (!names.input.empty()) value.name = names.input;
      if (!value.shape.empty()) value.shape[0] = -1;
      index_[at(input)] = add(std::move(value));
      graph_.inputs.push_back(index_[at(input)]);
    }
    for (const Node& node : trace_.nodes) write(node);
    for (const int output : trace_.outputs) {
      graph_.outputs.push_back(value_of(output));
      if (!names.output.empty()) graph_.values[at(graph_.outputs.back())].name = names.output;
    }
    return std::move(graph_);
  }

  int integers_of(const TracedQuantizer& q) override {
    QuantizedValue& value = quantized(q);
    if (value.integers < 0) value.integers = form_.integers(*this, q, value_of(q.input));
    return value.integers;
  }

  int floats_of(const TracedQuantizer& q) override {
    const int integers = integers_of(q);
    QuantizedValue& value = quantized(q);
    if (value.floats < 0) value.floats = form_.floats(*this, q, integers);
    return value.floats;
  }

 private:
  // What a quantizer became in the graph, -1 where nobody has asked.
  struct QuantizedValue {
    int integers = -1, floats = -1;
  };

  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  void write(const Node& traced) {
    const auto layer = layers_.find(traced.module);
    const bool is_layer = layer != layers_.end() && traced.inputs.size() > 1;
    const std::string& name = is_layer ? traced.module : trace_.values[at(traced.output)].name;
    if (!passes(found_, traced.module, {.node = name, .op = traced.op, .why = {}, .module = traced.module}, [&] {
          if (traced.op == ops::kUlqActivation)
            quantizers_[traced.output] = quantizer_of(traced);
          else if (is_layer)
            write_layer(traced, *layer->second);
          else
            copy(traced);
        }))
      stand_in(traced, name);
  }

  TracedQuantizer quantizer_of(const Node& traced) const {
    require(attribute(traced.attributes, "bits", std::int64_t{8}) == 8, "activations of ",
            attribute(traced.attributes, "bits", std::int64_t{8}), " bits cannot be deployed, only of 8");
    const auto scale = static_cast<float>(attribute(traced.attributes, "scale", 0.0));
    return {traced.module, traced.inputs[0], force_fp16_ ? fp16_scale(scale) : scale,
            static_cast<std::int32_t>(attribute(traced.attributes, "offset", std::int64_t{0}))};
  }

  // Quantizers of one tensor with one grid are one.
  QuantizedValue& quantized(const TracedQuantizer& q) {
    return quantized_[{q.input, std::bit_cast<std::uint32_t>(q.scale), q.offset}];
  }

  // The value in the new graph that stands for one of the trace; floats of a quantized one.
  int value_of(int traced) {
    if (traced < 0) return -1;
    if (const auto found = quantizers_.find(traced); found != quantizers_.end()) return floats_of(found->second);
    int& index = index_[at(traced)];
    if (index < 0) index = add(with_data(trace_.values[at(traced)]));
    return index;
  }

  Value with_data(Value value) const {
    const auto found = tensors_.find(value.name);
    require(value.kind == Value::Kind::kParameter && found != tensors_.end(), "the value ", value.name,
            " is made in a forward() and belongs to no module, so its numbers cannot be saved");
    value.data = std::make_shared<const ConstantData>(found->second.to_vector());
    return value;
  }

  void copy(const Node& traced) {
    std::vector<int> inputs;
    for (const int input : traced.inputs) inputs.push_back(value_of(input));
    const Value& result = trace_.values[at(traced.output)];
    index_[at(traced.output)] = node(traced.op, result.name, result.shape, std::move(inputs), traced.attributes);
    graph_.nodes.back().module = traced.module;
  }

  // For a refused node, so that what reads it can be looked at.
  void stand_in(const Node& traced, const std::string& name) {
    if (traced.op == ops::kUlqActivation) {
      quantizers_[traced.output] = {traced.module, traced.inputs[0], 1.0F, 0};
      return;
    }
    index_[at(traced.output)] = node("refused", name, trace_.values[at(traced.output)].shape, {});
    graph_.nodes.back().module = traced.module;
  }

  void write_layer(const Node& traced, const QatModule& layer) {
    const auto found = quantizers_.find(traced.inputs[0]);
    if (found == quantizers_.end()) fail_without_quantizer(traced);
    const TracedQuantizer& input = found->second;
    TracedLayer made{.node = traced,
                     .weight_view = layer.weight_view(),
                     .input = input,
                     .integers = layer.integers(input.scale),
                     .scales = {},
                     .factors = {},
                     .weight_shape = layer.weight().shape(),
                     .result_shape = trace_.values[at(traced.output)].shape};
    require(!made.is_linear() || trace_.values[at(input.input)].shape.size() == 2,
            "a quantized Linear can be deployed if its input is [N, in_features]");
    made.scales = made.integers.scales;
    if (one_scale(layer, made.scales)) made.scales.resize(1);
    for (const float scale : made.scales) {
      const float factor = input.scale * scale;
      made.factors.push_back(force_fp16_ ? fp16_factor(factor) : factor);
    }
    index_[at(traced.output)] = form_.layer(*this, made);
    graph_.nodes.back().module = traced.module;
  }

  [[noreturn]] void fail_without_quantizer(const Node& traced) const {
    const int producer = trace_.values[at(traced.inputs[0])].producer;
    if (producer >= 0) {
      const Node& between = trace_.nodes[at(producer)];
      require(between.inputs.empty() || !quantizers_.contains(between.inputs[0]), "op ", between.op,
              " lies between its quantizer and the layer, and a file has no place for it there");
    }
    fail("the clips of its quantizer have not been found yet: train the model first");
  }

  const Graph& trace_;
  const QuantForm& form_;
  const bool force_fp16_;
  Obstacles* const found_;
  std::vector<int> index_;  // of the trace's values in the new graph, -1 where not there yet
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, const QatModule*> layers_;
  std::map<int, TracedQuantizer> quantizers_;  // by the value of the trace that they make
  std::map<std::tuple<int, std::uint32_t, std::int32_t>, QuantizedValue> quantized_;
};

}  // namespace

Graph deployed_graph(const Graph& trace, Module& model, const QuantForm& form, const GraphNames& names,
                     bool force_fp16_quant, Obstacles* found) {
  return Builder(trace, model, form, force_fp16_quant, found).build(names);
}

}  // namespace octet
