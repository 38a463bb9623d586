// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/fake_quant_form.h"

#include "octet/graph/operators_elementwise.h"

namespace octet {
namespace {

constexpr float kHalf = 128.0F;  // of 8 bits

class FakeQuantForm final : public QuantForm {
 public:
  bool is_deployed_here() const override { return false; }

  int integers(DeployedNodes& nodes, const TracedQuantizer& q, int x) const override {
    const std::string fake = q.name + ".quant.fakequant";
    const Shape shape = nodes.shape_of(x);
    const auto offset = static_cast<float>(q.offset);
    const auto scalar = [&](const char* role, float v) {
      return nodes.constant(fake + role, {}, std::vector<float>{v});
    };
    int y = nodes.node(ops::kMul, fake + ".mul", shape, {x, scalar(".scale", 1.0F / q.scale)});
    y = nodes.node(ops::kRound, fake + ".round", shape, {y});
    y = nodes.node(ops::kAdd, fake + ".add", shape, {y, scalar(".offset", offset)});
    y = nodes.node(ops::kClip, fake + ".clip", shape, {y},
                   {{"min", static_cast<double>(-kHalf)}, {"max", static_cast<double>(kHalf - 1.0F)}});
    return nodes.node(ops::kSub, fake + ".sub", shape, {y, scalar(".zero", offset)});
  }

  int floats(DeployedNodes& nodes, const TracedQuantizer& q, int integers) const override {
    const std::string fake = q.name + ".quant.fakequant";
    const int scale = nodes.constant(fake + ".step", {}, std::vector<float>{q.scale});
    return nodes.node(ops::kMul, fake + ".dequantized", nodes.shape_of(integers), {integers, scale});
  }

  int layer(DeployedNodes& nodes, const TracedLayer& layer) const override {
    const std::vector<float> weight(layer.integers.weight.begin(), layer.integers.weight.end());
    const std::vector<float> bias(layer.integers.bias.begin(), layer.integers.bias.end());
    const int sums = whole_sums(nodes, layer, weight, bias);
    const std::string& name = layer.node.module;
    Shape shape(layer.result_shape.size(), 1);
    shape[1] = std::ssize(layer.factors);
    const int scale = nodes.constant(name + ".fakedequant.scale", shape, layer.factors);
    return nodes.node(ops::kMul, name + ".fakedequant.mul", layer.result_shape, {sums, scale});
  }
};

}  // namespace

const QuantForm& fake_quant_form() {
  static const FakeQuantForm form;
  return form;
}

}  // namespace octet
