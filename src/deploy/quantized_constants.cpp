// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/quantized_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/graph/attributes.h"

namespace octet::deploy {
namespace {

std::vector<std::int64_t> integers(const Value& value) {
  return std::visit(
      [&]<typename T>(const std::vector<T>& values) -> std::vector<std::int64_t> {
        if constexpr (std::is_same_v<T, float> || std::is_same_v<T, std::uint64_t>)
          fail(in_quotes(value.name), " must hold integers");
        else
          return {values.begin(), values.end()};
      },
      *value.data);
}

const std::vector<float>& floats_of(const Value& value) {
  const auto* const values = std::get_if<std::vector<float>>(value.data.get());
  require(values != nullptr, in_quotes(value.name), " must hold float values");
  return *values;
}

constexpr std::int64_t kMostScales = std::int64_t{1} << 26;  // many nodes may read one constant, and each keeps a copy

// A clip, a ReLU or a grid behind it can hide such a value, so that no result would show it.
void require_finite(const std::vector<float>& values, const std::string& name) {
  const auto found = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
  require(found == values.end(), in_quotes(name), ": value ", found - values.begin(), " of ", values.size(),
          " is not finite");
}

bool is_scale(float scale) { return std::isfinite(scale) && scale > 0.0F; }

template <typename T>
std::vector<T> transposed(const std::vector<T>& values, const Shape& shape) {
  std::vector<T> result(values.size());
  const auto rows = static_cast<std::size_t>(shape[0]), columns = static_cast<std::size_t>(shape[1]);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  return result;
}

}  // namespace

bool QuantizedConstant::symmetric() const {
  return std::holds_alternative<std::vector<std::int8_t>>(*q->data) &&
         std::ranges::all_of(zero_points, [](std::int64_t z) { return z == 0; });
}

std::shared_ptr<const std::vector<std::int8_t>> QuantizedConstant::int8() const {
  return {q->data, &std::get<std::vector<std::int8_t>>(*q->data)};
}

const Value& ConstantReader::constant(int value, const char* what) const {
  require(value >= 0, "needs ", what);
  const Value& found = graph_.values[static_cast<std::size_t>(value)];
  require(found.data != nullptr, what, " ", in_quotes(found.name), " must be constant");
  return found;
}

void ConstantReader::define(const Node& node) {
  QuantizedConstant c;
  c.q = &constant(node.inputs[0], "its input");
  c.scales = floats_of(constant(node.inputs[1], "the scale"));
  scales_ += std::ssize(c.scales);
  require(scales_ <= kMostScales, "the model's weights have more than ", kMostScales, " scales");
  require(!c.scales.empty() && std::ranges::all_of(c.scales, is_scale), "scales must be finite and positive");
  if (node.inputs.size() > 2 && node.inputs[2] >= 0) {
    const Value& zero_point = constant(node.inputs[2], "the zero point");
    require(zero_point.data->index() == c.q->data->index(), "its zero point has another type than what it reads");
    c.zero_points = integers(zero_point);
  } else {
    c.zero_points.assign(c.scales.size(), 0);
  }
  require(c.zero_points.size() == c.scales.size(), "has ", c.scales.size(), " scales and ", c.zero_points.size(),
          " zero points");
  std::int64_t axis = attribute(node.attributes, "axis", std::int64_t{1});
  const Shape& shape = c.q->shape;
  if (axis < 0) axis += std::ssize(shape);
  c.axis = static_cast<std::size_t>(axis);
  require(c.scales.size() == 1 ||
              (axis >= 0 && axis < std::ssize(shape) && std::ssize(c.scales) == shape[static_cast<std::size_t>(axis)]),
          "has ", c.scales.size(), " scales for ", shape, " along axis ", axis);
  integers(*c.q);  // refuses floats
  quantized_.insert_or_assign(node.output, std::move(c));
}

const QuantizedConstant* ConstantReader::quantized(int value) const {
  const auto found = quantized_.find(value);
  return found == quantized_.end() ? nullptr : &found->second;
}

std::vector<float> ConstantReader::floats(int value) const {
  const QuantizedConstant* const c = quantized(value);
  if (!c) return stored_floats(value);
  const std::vector<std::int64_t> q = integers(*c->q);
  std::size_t inner = 1;  // values after which the scale changes
  for (std::size_t i = c->axis + 1; i < c->q->shape.size(); ++i) inner *= static_cast<std::size_t>(c->q->shape[i]);
  std::vector<float> values;
  for (std::size_t i = 0; i < q.size(); ++i) {
    const std::size_t channel = i / inner % c->scales.size();
    values.push_back(static_cast<float>(q[i] - c->zero_points[channel]) * c->scales[channel]);
  }
  require_finite(values, graph_.values[static_cast<std::size_t>(value)].name);
  return values;
}

const std::vector<float>& ConstantReader::stored_floats(int value) const {
  const Value& found = constant(value, "a constant for");
  const std::vector<float>& values = floats_of(found);
  require_finite(values, found.name);
  return values;
}

ActivationScale ConstantReader::activation_scale(const Node& node) const {
  const std::vector<float>& scale = floats_of(constant(node.inputs[1], "the scale"));
  require(scale.size() == 1, "activations quantized per channel are not supported");
  require(is_scale(scale[0]), "the scale must be finite and positive, is ", scale[0]);
  if (node.inputs.size() < 3 || node.inputs[2] < 0) return {{scale[0], 0}, false};  // uint8, says ONNX
  const Value& zero_point = constant(node.inputs[2], "the zero point");
  const bool is_signed = std::holds_alternative<std::vector<std::int8_t>>(*zero_point.data);
  require(is_signed || std::holds_alternative<std::vector<std::uint8_t>>(*zero_point.data),
          "activations must be int8 or uint8");
  const std::vector<std::int64_t> offsets = integers(zero_point);
  require(offsets.size() == 1, "activations with ", offsets.size(), " zero points are not supported");
  const auto offset = static_cast<std::int32_t>(offsets[0]);
  return {{scale[0], is_signed ? offset + 128 : offset}, is_signed};
}

std::optional<std::vector<float>> ConstantReader::integer_bias(int value, const std::vector<float>& scale) const {
  const QuantizedConstant* const c = quantized(value);
  if (!c || !std::ranges::all_of(c->zero_points, [](std::int64_t z) { return z == 0; })) return {};
  if (c->scales != scale &&
      !(c->scales.size() == 1 && std::ranges::all_of(scale, [&](float s) { return s == c->scales[0]; })))
    return {};
  const std::vector<std::int64_t> q = integers(*c->q);
  if (q.size() != scale.size()) return {};
  return std::vector<float>(q.begin(), q.end());
}

std::vector<float> transpose(const std::vector<float>& values, const Shape& shape) { return transposed(values, shape); }
std::shared_ptr<const std::vector<std::int8_t>> transpose(const std::vector<std::int8_t>& values, const Shape& shape) {
  return std::make_shared<const std::vector<std::int8_t>>(transposed(values, shape));
}

}  // namespace octet::deploy
