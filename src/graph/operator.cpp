// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operator.h"

#include <string>
#include <unordered_map>

#include "octet/base/error.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/graph/attributes.h"
#include "octet/graph/operator_families.h"

namespace octet {
namespace {

const std::vector<const Operator*>& rows() {
  static const std::vector<const Operator*> all = [] {
    std::vector<const Operator*> found;
    for (const std::span<const Operator> family :
         {conv_operators(), norm_operators(), elementwise_operators(), pool_operators(), shape_operators(),
          loss_operators(), quantization_operators()})
      for (const Operator& op : family) found.push_back(&op);
    return found;
  }();
  return all;
}

}  // namespace

const Shape& Operands::shape(std::size_t i) const {
  const Shape* const found = find(i);
  require(found != nullptr, "input ", i, " is missing");
  return *found;
}

std::span<const Operator* const> all_operators() { return rows(); }

const Operator* find_operator(std::string_view name) {
  static const std::unordered_map<std::string_view, const Operator*> by_name = [] {
    std::unordered_map<std::string_view, const Operator*> found;
    for (const Operator* const op : rows()) found.emplace(op->name, op);
    return found;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

const Operator& operator_of(kernels::Function function) {
  static const std::unordered_map<kernels::Function, const Operator*> by_function = [] {
    std::unordered_map<kernels::Function, const Operator*> found;
    for (const Operator* const op : rows())
      if (op->function) found.emplace(*op->function, op);
    return found;
  }();
  return *by_function.at(function);
}

const Operator& get_operator(std::string_view name) {
  const Operator* const found = find_operator(name);
  if (found) return *found;
  std::vector<std::string> names;
  for (const Operator* const op : rows()) names.emplace_back(op->name);
  fail("there is no op ", in_quotes(name), did_you_mean(name, names));
}

bool is_layer(const Node& node) {
  const Operator* const op = find_operator(node.op);
  return op && op->quantized == QuantizedAs::kLayer;
}

float function_option(const Operator& op, const Attributes& attributes) {
  if (!op.function_option) return 0.0F;
  const double fallback = std::get<double>(op.defaults().at(op.function_option));
  return static_cast<float>(attribute(attributes, op.function_option, fallback));
}

void check_input_count(const Operator& op, std::size_t count) {
  const std::string most = op.most_inputs == kAnyNumber ? "or more" : text("to ", op.most_inputs);
  require(count >= op.least_inputs && count <= op.most_inputs, op.name, ": has ", count, " inputs, expected ",
          op.least_inputs, ' ', most);
}

void check_attributes(const Operator& op, const Attributes& attributes) {
  const Attributes known = op.defaults ? op.defaults() : Attributes{};
  for (const auto& [name, value] : attributes) {
    const auto found = known.find(name);
    require(found != known.end(), op.name, ": there is no option ", in_quotes(name));
    require(found->second.index() == value.index(), op.name, ": attribute ", name, " has the wrong type");
  }
}

}  // namespace octet
