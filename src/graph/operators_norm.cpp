// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_norm.h"

#include <cmath>
#include <utility>

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/operator_families.h"

namespace octet {

using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

void check_batch_norm(const Shape& x, const Shape* gamma, const Shape* beta, const Shape* running_mean,
                      const Shape* running_var, const BatchNormParams& params) {
  require(x.size() == 4 || x.size() == 2, "batch_norm: x must be [N, C, H, W] or [N, C], got ", x);
  const Shape expected{x[1]};
  const std::pair<const char*, const Shape*> vectors[] = {
      {"gamma", gamma}, {"beta", beta}, {"running_mean", running_mean}, {"running_var", running_var}};
  for (const auto& [name, vector] : vectors)
    require(!vector || *vector == expected, "batch_norm: ", name, " must have shape ", expected, " to fit x ", x,
            ", got ", vector ? *vector : Shape{});
  require((running_mean == nullptr) == (running_var == nullptr),
          "batch_norm: running_mean and running_var must come together");
  require(params.eps >= 0.0F, "batch_norm: eps must not be negative, got ", params.eps);
}

Attributes attributes_of(const BatchNormParams& p) {
  return {{"eps", static_cast<double>(p.eps)}, {"momentum", static_cast<double>(p.momentum)}, {"training", p.training}};
}

BatchNormParams batch_norm_params(const Attributes& attributes) {
  BatchNormParams p;
  p.eps = static_cast<float>(attribute(attributes, "eps", static_cast<double>(p.eps)));
  p.momentum = static_cast<float>(attribute(attributes, "momentum", static_cast<double>(p.momentum)));
  p.training = attribute(attributes, "training", p.training);
  return p;
}

namespace {

Attributes batch_norm_defaults() { return attributes_of(BatchNormParams{}); }

std::vector<Shape> batch_norm_result(const Operands& in) {
  check_batch_norm(in.shape(0), in.find(1), in.find(2), in.find(3), in.find(4), batch_norm_params(in.attributes()));
  return {in.shape(0)};
}

ReadNode read_batch_norm(NodeReader& node) {
  node.require_inputs(5, 5);
  for (int i = 1; i < 5; ++i) require(node.has_input(i), "input ", i, " is missing");
  node.ignore("momentum");
  node.ignore("spatial");
  require(node.integer("training_mode", 0) == 0, "training_mode is not supported");
  const float eps = node.real("epsilon", 1e-5F);
  require(std::isfinite(eps) && eps >= 0.0F, "epsilon must be finite and not negative, got ", eps);
  return {ops::kBatchNorm, {{"eps", static_cast<double>(eps)}}};
}

void write_batch_norm(NodeWriter& node) {
  require(!node.take("training", false), "batch_norm in training mode cannot be written");
  node.leave_out("momentum");
  for (std::size_t i = 0; i < 5; ++i)
    require(node.input(i) != nullptr, "batch_norm without affine parameters or running statistics cannot be written");
  node.set_operator("BatchNormalization");
  node.add_inputs();
  node.set("epsilon", static_cast<float>(node.take("eps", 1e-5)));
}

}  // namespace

std::span<const Operator> norm_operators() {
  static const Operator rows[] = {
      {.name = ops::kBatchNorm,
       .least_inputs = 1,
       .most_inputs = 5,
       .defaults = batch_norm_defaults,
       .shapes = batch_norm_result,
       .quantized = QuantizedAs::kFloats,
       .read_from = {{"BatchNormalization", read_batch_norm}},
       .write = write_batch_norm},
  };
  return rows;
}

}  // namespace octet
