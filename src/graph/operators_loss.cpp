// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_loss.h"

#include "octet/base/error.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operator_families.h"
#include "octet/graph/operators_shape.h"

namespace octet {
namespace {

constexpr const char* kNoStep = "no step of a plan computes it yet";
constexpr const char* kLoss = "a deployed network has no loss";

template <const char* const& kName>
std::vector<Shape> along_dim(const Operands& in) {
  dim_from_front(kName, "dim", attribute(in.attributes(), "dim", std::int64_t{-1}), in.shape(0));
  return {in.shape(0)};
}

std::vector<Shape> scalar(const Operands&) { return {{}}; }

std::vector<Shape> scalar_of_two(const Operands& in) {
  require(in.shape(0) == in.shape(1), "mse_loss: shapes must be equal (a ", in.shape(0), ", b ", in.shape(1), ")");
  return {{}};
}

Attributes none() { return {}; }
Attributes dim_defaults() { return {{"dim", std::int64_t{-1}}}; }
Attributes cross_entropy_defaults() { return {{"label_smoothing", 0.0}}; }

Operator row(const char* name, std::size_t inputs, Attributes (*defaults)(),
             std::vector<Shape> (*shapes)(const Operands&), const char* not_deployed) {
  return {.name = name,
          .least_inputs = inputs,
          .most_inputs = inputs,
          .defaults = defaults,
          .shapes = shapes,
          .quantized = QuantizedAs::kFloats,
          .not_deployed = not_deployed};
}

std::vector<Operator> make_rows() {
  Operator cross_entropy = row(ops::kCrossEntropy, 1, cross_entropy_defaults, scalar, kLoss);
  cross_entropy.no_tensors = "its labels are no tensor";
  return {row(ops::kSoftmax, 1, dim_defaults, along_dim<ops::kSoftmax>, kNoStep),
          row(ops::kLogSoftmax, 1, dim_defaults, along_dim<ops::kLogSoftmax>, kNoStep),
          cross_entropy,
          row(ops::kMseLoss, 2, none, scalar_of_two, kLoss),
          row(ops::kMean, 1, none, scalar, kNoStep),
          row(ops::kSum, 1, none, scalar, kNoStep)};
}

}  // namespace

std::span<const Operator> loss_operators() {
  static const std::vector<Operator> rows = make_rows();
  return rows;
}

}  // namespace octet
