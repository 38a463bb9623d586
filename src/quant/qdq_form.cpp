// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/qdq_form.h"

#include <algorithm>
#include <utility>

#include "octet/graph/attributes.h"
#include "octet/graph/operators_conv.h"
#include "octet/graph/operators_quantization.h"

namespace octet {
namespace {

// Of one scale, or one per channel.
Shape shape_of_scales(const TracedLayer& layer) {
  return layer.scales.size() == 1 ? Shape{} : Shape{std::ssize(layer.scales)};
}

// `groups` > 1: a transposed convolution whose output channels, and with them the scales, lie along two axes of its
// weight, [groups * Cin/groups, Cout/groups, Kh, Kw]. QDQ has scales along one axis only, so the groups become one,
// of [Cin, Cout, Kh, Kw] with zeros between them: other products, all of them zero, and the same sums.
int dequantized_weight(DeployedNodes& nodes, const TracedLayer& layer, std::int64_t groups) {
  const std::string name = layer.node.module + ".weight";
  const std::int64_t output_axis = layer.node.op == ops::kConvTranspose2d ? 1 : 0;
  Shape shape = layer.weight_shape;
  std::vector<std::int8_t> weight = layer.integers.weight;
  if (groups > 1) {
    const std::int64_t run = shape[1] * shape[2] * shape[3], rows = shape[0] / groups;
    weight.assign(layer.integers.weight.size() * static_cast<std::size_t>(groups), 0);
    for (std::int64_t row = 0; row < shape[0]; ++row)
      std::copy_n(layer.integers.weight.begin() + row * run, run, weight.begin() + (row * groups + row / rows) * run);
    shape[1] *= groups;
  }
  const int scale = nodes.constant(name + ".scale", shape_of_scales(layer), layer.scales);
  const int zero =
      nodes.constant(name + ".zero_point", shape_of_scales(layer), std::vector<std::int8_t>(layer.scales.size(), 0));
  const int integers = nodes.constant(name, shape, std::move(weight));
  return nodes.node(ops::kDequantize, name + ".dequantized", shape, {integers, scale, zero}, {{"axis", output_axis}});
}

int dequantized_bias(DeployedNodes& nodes, const TracedLayer& layer) {
  const std::string name = layer.node.module + ".bias";
  const Shape channels{std::ssize(layer.integers.bias)};
  const int scale = nodes.constant(name + ".scale", shape_of_scales(layer), layer.factors);
  const int zero =
      nodes.constant(name + ".zero_point", shape_of_scales(layer), std::vector<std::int32_t>(layer.scales.size(), 0));
  const int integers = nodes.constant(name, channels, layer.integers.bias);
  return nodes.node(ops::kDequantize, name + ".dequantized", channels, {integers, scale, zero},
                    {{"axis", std::int64_t{0}}});
}

class QdqForm final : public QuantForm {
 public:
  bool is_deployed_here() const override { return true; }

  int integers(DeployedNodes& nodes, const TracedQuantizer& q, int x) const override {
    const std::string name = q.name + ".quant";
    const int zero =
        nodes.constant(name + ".zero_point", {}, std::vector<std::uint8_t>{static_cast<std::uint8_t>(q.offset + 128)});
    const int scale = nodes.constant(name + ".scale", {}, std::vector<float>{q.scale});
    return nodes.node(ops::kQuantize, name, nodes.shape_of(x), {x, scale, zero});
  }

  int floats(DeployedNodes& nodes, const TracedQuantizer& q, int integers) const override {
    const std::vector<int> quantize = nodes.producer_of(integers).inputs;
    return nodes.node(ops::kDequantize, q.name + ".quant.dequantized", nodes.shape_of(integers),
                      {integers, quantize[1], quantize[2]});
  }

  int layer(DeployedNodes& nodes, const TracedLayer& layer) const override {
    Attributes attributes = layer.node.attributes;
    const std::int64_t groups = attribute(attributes, "groups", std::int64_t{1});
    const bool expand = layer.node.op == ops::kConvTranspose2d && layer.scales.size() > 1 && groups > 1;
    if (expand) attributes["groups"] = std::int64_t{1};
    const int weight = dequantized_weight(nodes, layer, expand ? groups : 1);
    const int bias = dequantized_bias(nodes, layer);
    const int input = nodes.floats_of(layer.input);
    return nodes.node(layer.node.op, layer.node.module, layer.result_shape, {input, weight, bias},
                      std::move(attributes));
  }
};

}  // namespace

const QuantForm& qdq_form() {
  static const QdqForm form;
  return form;
}

}  // namespace octet
