// SPDX-License-Identifier: Apache-2.0
// Walks the trace once. A quantizer becomes nodes when its first reader wants them, a quantized layer its integers in
// the form asked for, and everything else is copied with its parameters' values.
#include "octet/quant/deployed_graph.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operators_conv.h"
#include "octet/graph/operators_elementwise.h"
#include "octet/graph/operators_quantization.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/quant_record.h"

namespace octet {
namespace {

constexpr float kHalf = 128.0F;  // of 8 bits

class Builder {
 public:
  Builder(const Graph& trace, Module& model, QuantForm form, const GraphNames& names, bool force_fp16_quant,
          Obstacles* found)
      : trace_(trace),
        form_(form),
        force_fp16_(force_fp16_quant),
        names_(names),
        found_(found),
        index_(trace.values.size(), -1) {
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

  Graph build() {
    for (const int input : trace_.inputs) {
      Value value = trace_.values[at(input)];
      if (!names_.input.empty()) value.name = names_.input;
      if (!value.shape.empty()) value.shape[0] = -1;
      index_[at(input)] = add(std::move(value));
      out_.inputs.push_back(index_[at(input)]);
    }
    for (const Node& node : trace_.nodes) {
      const auto layer = layers_.find(node.module);
      const bool is_layer = layer != layers_.end() && node.inputs.size() > 1;
      const std::string& name = is_layer ? node.module : trace_.values[at(node.output)].name;
      if (!passes(found_, node.module, {.node = name, .op = node.op, .why = {}, .module = node.module}, [&] {
            if (node.op == ops::kUlqActivation)
              grids_[node.output] = grid_of(node);
            else if (is_layer)
              write_layer(node, *layer->second);
            else
              copy(node);
          }))
        stand_in(node, name);
    }
    for (const int output : trace_.outputs) {
      out_.outputs.push_back(value_of(output));
      if (!names_.output.empty()) out_.values[at(out_.outputs.back())].name = names_.output;
    }
    return std::move(out_);
  }

 private:
  // A quantizer of the trace: who it is named after, what it reads, its grid.
  struct Quantizer {
    std::string name;
    int input;
    float scale;
    std::int32_t offset;
  };
  // Its nodes in the graph: the integers, and the floats they stand for.
  struct QuantizedValue {
    int integers = -1, floats = -1;
  };

  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  int add(Value value) {
    while (!used_.insert(value.name).second) value.name += '_';  // a layer may be called "input", or "relu_0"
    out_.values.push_back(std::move(value));
    return static_cast<int>(out_.values.size()) - 1;
  }
  int constant(std::string name, Shape shape, ConstantData data) {
    Value value{Value::Kind::kConstant, std::move(name), std::move(shape), -1};
    value.data = std::make_shared<const ConstantData>(std::move(data));
    return add(std::move(value));
  }
  int node(std::string op, std::string name, Shape shape, std::vector<int> inputs, Attributes attributes = {}) {
    const int output =
        add({Value::Kind::kResult, std::move(name), std::move(shape), static_cast<int>(out_.nodes.size())});
    out_.nodes.push_back({std::move(op), "", 0, std::move(inputs), output, std::move(attributes)});
    return output;
  }

  Quantizer grid_of(const Node& node) const {
    require(attribute(node.attributes, "bits", std::int64_t{8}) == 8, "activations of ",
            attribute(node.attributes, "bits", std::int64_t{8}), " bits cannot be deployed, only of 8");
    const auto scale = static_cast<float>(attribute(node.attributes, "scale", 0.0));
    return {node.module, node.inputs[0], force_fp16_ ? fp16_scale(scale) : scale,
            static_cast<std::int32_t>(attribute(node.attributes, "offset", std::int64_t{0}))};
  }

  // The value in the new graph that stands for one of the trace; floats of a quantized one.
  int value_of(int traced) {
    if (traced < 0) return -1;
    if (const auto found = grids_.find(traced); found != grids_.end()) return floats_of(found->second);
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
    out_.nodes.back().module = traced.module;
  }

  // For a refused node, so that what reads it can be looked at.
  void stand_in(const Node& traced, const std::string& name) {
    if (traced.op == ops::kUlqActivation) {
      grids_[traced.output] = {traced.module, traced.inputs[0], 1.0F, 0};
      return;
    }
    index_[at(traced.output)] = node("refused", name, trace_.values[at(traced.output)].shape, {});
    out_.nodes.back().module = traced.module;
  }

  // Quantizers of one tensor with one grid are one.
  QuantizedValue& quantized(const Quantizer& q) {
    return quantized_[{q.input, std::bit_cast<std::uint32_t>(q.scale), q.offset}];
  }

  int integers_of(const Quantizer& q) {
    QuantizedValue& value = quantized(q);
    if (value.integers >= 0) return value.integers;
    const int x = value_of(q.input);
    const Shape shape = out_.values[at(x)].shape;
    const std::string name = q.name + ".quant";
    const auto scalar = [&](const char* role, float v) { return constant(name + role, {}, std::vector<float>{v}); };
    if (form_ == QuantForm::kQdq) {
      const int zero_point =
          constant(name + ".zero_point", {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(q.offset + 128)});
      value.integers = node(ops::kQuantize, name, shape, {x, scalar(".scale", q.scale), zero_point});
    } else if (form_ == QuantForm::kAscend) {
      value.integers = node(ops::kAscendQuant, name, shape, {x},
                            {{"scale", static_cast<double>(1.0F / q.scale)},
                             {"offset", static_cast<double>(q.offset)},
                             {"dst_type", std::string("INT8")}});
    } else {
      const std::string fake = name + ".fakequant";
      const auto offset = static_cast<float>(q.offset);
      int y = node(ops::kMul, fake + ".mul", shape, {x, scalar(".fakequant.scale", 1.0F / q.scale)});
      y = node(ops::kRound, fake + ".round", shape, {y});
      y = node(ops::kAdd, fake + ".add", shape, {y, scalar(".fakequant.offset", offset)});
      y = node(ops::kClip, fake + ".clip", shape, {y},
               {{"min", static_cast<double>(-kHalf)}, {"max", static_cast<double>(kHalf - 1.0F)}});
      value.integers = node(ops::kSub, fake + ".sub", shape, {y, scalar(".fakequant.zero", offset)});
    }
    return value.integers;
  }

  int floats_of(const Quantizer& q) {
    const int integers = integers_of(q);
    QuantizedValue& value = quantized(q);
    if (value.floats >= 0) return value.floats;
    const Shape shape = out_.values[at(integers)].shape;
    const std::string name = q.name + ".quant";
    if (form_ == QuantForm::kQdq) {
      const std::vector<int> scale_and_zero(out_.nodes[at(out_.values[at(integers)].producer)].inputs.begin() + 1,
                                            out_.nodes[at(out_.values[at(integers)].producer)].inputs.end());
      value.floats =
          node(ops::kDequantize, name + ".dequantized", shape, {integers, scale_and_zero[0], scale_and_zero[1]});
    } else {
      require(form_ == QuantForm::kFakeQuant,
              "an op other than a quantized layer reads quantized values, for which the format ascend has no node: "
              "convert the model without quantize_shortcuts");
      const int scale = constant(name + ".fakequant.step", {}, std::vector<float>{q.scale});
      value.floats = node(ops::kMul, name + ".fakequant.dequantized", shape, {integers, scale});
    }
    return value.floats;
  }

  // What the forms share of a quantized layer.
  struct LayerParts {
    const Node& traced;
    const QatModule& layer;
    const Quantizer& input;
    IntegerLayer integers;
    std::vector<float> scales,
        factors;  // of the weight, and of the result: scale of the input * scale; one or one each
    bool is_linear;
    Shape weight_shape, result_shape;
  };

  void write_layer(const Node& traced, const QatModule& layer) {
    const auto grid = grids_.find(traced.inputs[0]);
    if (grid == grids_.end()) fail_without_grid(traced);
    LayerParts p{traced,
                 layer,
                 grid->second,
                 layer.integers(grid->second.scale),
                 {},
                 {},
                 traced.op == ops::kLinear,
                 layer.weight().shape(),
                 trace_.values[at(traced.output)].shape};
    require(!p.is_linear || trace_.values[at(grid->second.input)].shape.size() == 2,
            "a quantized Linear can be deployed if its input is [N, in_features]");
    p.scales = p.integers.scales;
    if (one_scale(layer, p.scales)) p.scales.resize(1);
    for (const float scale : p.scales) p.factors.push_back(p.input.scale * scale);
    if (force_fp16_)
      for (float& factor : p.factors) factor = std::bit_cast<float>(std::bit_cast<std::uint32_t>(factor) & 0xFFFFE000U);
    index_[at(traced.output)] = form_ == QuantForm::kQdq      ? qdq_layer(p)
                                : form_ == QuantForm::kAscend ? ascend_layer(p)
                                                              : fake_quant_layer(p);
    out_.nodes.back().module = traced.module;
  }

  [[noreturn]] void fail_without_grid(const Node& traced) const {
    const int producer = trace_.values[at(traced.inputs[0])].producer;
    if (producer >= 0) {
      const Node& between = trace_.nodes[at(producer)];
      require(between.inputs.empty() || !grids_.contains(between.inputs[0]), "op ", between.op,
              " lies between its quantizer and the layer, and a file has no place for it there");
    }
    fail("the clips of its quantizer have not been found yet: train the model first");
  }

  // The axis of a weight's output channels.
  static std::int64_t output_axis(const LayerParts& p) { return p.traced.op == ops::kConvTranspose2d ? 1 : 0; }

  int qdq_layer(const LayerParts& p) {
    const std::string& name = p.traced.module;
    const auto count = std::ssize(p.scales), channels = std::ssize(p.integers.bias);
    const Shape scale_shape = count == 1 ? Shape{} : Shape{count};
    const std::int64_t groups = attribute(p.traced.attributes, "groups", std::int64_t{1});
    const bool expand = p.traced.op == ops::kConvTranspose2d && count > 1 && groups > 1;
    const int weight = qdq_weight(p, scale_shape, expand ? groups : 1);
    Attributes attributes = p.traced.attributes;
    if (expand) attributes["groups"] = std::int64_t{1};
    const int bias_scale = constant(name + ".bias.scale", scale_shape, p.factors);
    const int bias_zero =
        constant(name + ".bias.zero_point", scale_shape, std::vector<std::int32_t>(at(static_cast<int>(count)), 0));
    const int bias = node(ops::kDequantize, name + ".bias.dequantized", {channels},
                          {constant(name + ".bias", {channels}, p.integers.bias), bias_scale, bias_zero},
                          {{"axis", std::int64_t{0}}});
    return node(p.traced.op, name, p.result_shape, {floats_of(p.input), weight, bias}, std::move(attributes));
  }

  // `groups` > 1: a transposed convolution whose output channels, and with them the scales, lie along two axes of its
  // weight, [groups * Cin/groups, Cout/groups, Kh, Kw]. QDQ has scales along one axis only, so the groups become one,
  // of [Cin, Cout, Kh, Kw] with zeros between them: other products, all of them zero, and the same sums.
  int qdq_weight(const LayerParts& p, const Shape& scale_shape, std::int64_t groups) {
    const std::string name = p.traced.module + ".weight";
    Shape shape = p.weight_shape;
    std::vector<std::int8_t> weight = p.integers.weight;
    if (groups > 1) {
      const std::int64_t run = shape[1] * shape[2] * shape[3], rows = shape[0] / groups;
      weight.assign(p.integers.weight.size() * static_cast<std::size_t>(groups), 0);
      for (std::int64_t row = 0; row < shape[0]; ++row)
        std::copy_n(p.integers.weight.begin() + row * run, run, weight.begin() + (row * groups + row / rows) * run);
      shape[1] *= groups;
    }
    const int scale = constant(name + ".scale", scale_shape, p.scales);
    const int zero = constant(name + ".zero_point", scale_shape, std::vector<std::int8_t>(p.scales.size(), 0));
    const int integers = constant(name, shape, std::move(weight));
    return node(ops::kDequantize, name + ".dequantized", shape, {integers, scale, zero}, {{"axis", output_axis(p)}});
  }

  // The accumulators of that format's devices are int32.
  static void require_sums_in_int32(const LayerParts& p) {
    for (std::size_t c = 0; c < p.integers.bias.size(); ++c) {
      std::int64_t weights = 0;
      p.layer.weight_view().for_each_run(static_cast<std::int64_t>(c), [&](std::int64_t at) {
        for (std::int64_t i = at; i < at + p.layer.weight_view().run; ++i)
          weights += std::abs(p.integers.weight[static_cast<std::size_t>(i)]);
      });
      const std::int64_t largest = 255 * weights + std::abs(std::int64_t{p.integers.bias[c]});
      require(largest <= std::numeric_limits<std::int32_t>::max(), "the sums of output channel ", c, " can reach ",
              largest, ", which the int32 of the format ascend does not hold; the format qdq can be used");
    }
  }

  int ascend_layer(const LayerParts& p) {
    require_sums_in_int32(p);
    const std::string& name = p.traced.module;
    const int sums = node(p.traced.op, name, p.result_shape,
                          {integers_of(p.input), stored_weight(p, p.integers.weight),
                           constant(name + ".bias", {std::ssize(p.integers.bias)}, p.integers.bias)},
                          layer_attributes(p));
    std::vector<std::uint64_t> param;
    for (const float factor : p.factors) param.push_back(std::bit_cast<std::uint32_t>(factor));
    const Shape shape{std::ssize(param)};
    return node(ops::kAscendDequant, name + ".dequant", p.result_shape,
                {sums, constant(name + ".dequant.param", shape, std::move(param))});
  }

  int fake_quant_layer(const LayerParts& p) {
    const std::string& name = p.traced.module;
    const std::vector<float> weight(p.integers.weight.begin(), p.integers.weight.end());
    const std::vector<float> bias(p.integers.bias.begin(), p.integers.bias.end());
    const int sums =
        node(p.traced.op, name, p.result_shape,
             {integers_of(p.input), stored_weight(p, weight), constant(name + ".bias", {std::ssize(bias)}, bias)},
             layer_attributes(p));
    Shape shape(p.result_shape.size(), 1);
    shape[1] = std::ssize(p.factors);
    return node(ops::kMul, name + ".fakedequant.mul", p.result_shape,
                {sums, constant(name + ".fakedequant.scale", shape, p.factors)});
  }

  // The reference stores the matrix of a linear layer as [in, out].
  template <typename T>
  int stored_weight(const LayerParts& p, const std::vector<T>& weight) {
    const std::string name = p.traced.module + ".weight";
    if (!p.is_linear) return constant(name, p.weight_shape, weight);
    const auto out = static_cast<std::size_t>(p.weight_shape[0]), in = static_cast<std::size_t>(p.weight_shape[1]);
    std::vector<T> transposed(weight.size());
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t o = 0; o < out; ++o) transposed[i * out + o] = weight[o * in + i];
    return constant(name, {p.weight_shape[1], p.weight_shape[0]}, std::move(transposed));
  }
  static Attributes layer_attributes(const LayerParts& p) {
    Attributes attributes = p.traced.attributes;
    if (p.is_linear) attributes["transposed_weight"] = true;
    return attributes;
  }

  const Graph& trace_;
  const QuantForm form_;
  const bool force_fp16_;
  const GraphNames names_;
  Obstacles* const found_;
  std::set<std::string> used_;  // names
  std::vector<int> index_;      // of the trace's values in the new graph, -1 where not there yet
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, const QatModule*> layers_;
  std::map<int, Quantizer> grids_;  // by the value of the trace that they make
  std::map<std::tuple<int, std::uint32_t, std::int32_t>, QuantizedValue> quantized_;
  Graph out_;
};

}  // namespace

Graph deployed_graph(const Graph& trace, Module& model, QuantForm form, const GraphNames& names, bool force_fp16_quant,
                     Obstacles* found) {
  return Builder(trace, model, form, names, force_fp16_quant, found).build();
}

}  // namespace octet
