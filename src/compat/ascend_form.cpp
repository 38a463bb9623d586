// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/ascend_form.h"

#include <bit>
#include <cstdlib>
#include <limits>
#include <utility>

#include "octet/base/error.h"
#include "octet/graph/operators_quantization.h"

namespace octet {
namespace {

// The accumulators of the NPUs are int32.
void require_sums_in_int32(const TracedLayer& layer) {
  for (std::size_t c = 0; c < layer.integers.bias.size(); ++c) {
    std::int64_t weights = 0;
    layer.weight_view.for_each_run(static_cast<std::int64_t>(c), [&](std::int64_t at) {
      for (std::int64_t i = at; i < at + layer.weight_view.run; ++i)
        weights += std::abs(layer.integers.weight[static_cast<std::size_t>(i)]);
    });
    const std::int64_t largest = 255 * weights + std::abs(std::int64_t{layer.integers.bias[c]});
    require(largest <= std::numeric_limits<std::int32_t>::max(), "the sums of output channel ", c, " can reach ",
            largest, ", which the int32 of the format ascend does not hold; the format qdq can be used");
  }
}

class AscendForm final : public QuantForm {
 public:
  bool is_deployed_here() const override { return false; }

  int integers(DeployedNodes& nodes, const TracedQuantizer& q, int x) const override {
    return nodes.node(ops::kAscendQuant, q.name + ".quant", nodes.shape_of(x), {x},
                      {{"scale", static_cast<double>(1.0F / q.scale)},
                       {"offset", static_cast<double>(q.offset)},
                       {"dst_type", std::string("INT8")}});
  }

  int floats(DeployedNodes& /*nodes*/, const TracedQuantizer& /*q*/, int /*integers*/) const override {
    fail(
        "an op other than a quantized layer reads quantized values, for which the format ascend has no node: "
        "convert the model without quantize_shortcuts");
  }

  int layer(DeployedNodes& nodes, const TracedLayer& layer) const override {
    require_sums_in_int32(layer);
    const int sums = whole_sums(nodes, layer, layer.integers.weight, layer.integers.bias);
    const std::string name = layer.node.module + ".dequant";
    std::vector<std::uint64_t> param;  // each a float's bits
    for (const float factor : layer.factors) param.push_back(std::bit_cast<std::uint32_t>(factor));
    const Shape shape{std::ssize(param)};
    const int scale = nodes.constant(name + ".param", shape, std::move(param));
    return nodes.node(ops::kAscendDequant, name, layer.result_shape, {sums, scale});
  }
};

}  // namespace

const QuantForm& ascend_form() {
  static const AscendForm form;
  return form;
}

}  // namespace octet
