// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_node.h"

#include <algorithm>

#include "octet/graph/onnx_tensor.h"

namespace octet::onnx_format {

using onnx::AttributeProto;

const AttributeProto* NodeReader::find(const char* name, AttributeProto::AttributeType type) {
  asked_.emplace_back(name);
  const auto found =
      std::ranges::find_if(proto_.attribute(), [&](const AttributeProto& a) { return a.name() == name; });
  if (found == proto_.attribute().end()) return nullptr;
  require(found->type() == type, "attribute ", name, " has type ", AttributeProto::AttributeType_Name(found->type()),
          ", not ", AttributeProto::AttributeType_Name(type));
  return &*found;
}

std::int64_t NodeReader::integer(const char* name, std::int64_t fallback) {
  const AttributeProto* const found = find(name, AttributeProto::INT);
  return found ? found->i() : fallback;
}

float NodeReader::real(const char* name, float fallback) {
  const AttributeProto* const found = find(name, AttributeProto::FLOAT);
  return found ? found->f() : fallback;
}

std::string NodeReader::string(const char* name, const char* fallback) {
  const AttributeProto* const found = find(name, AttributeProto::STRING);
  return found ? found->s() : fallback;
}

List NodeReader::integers(const char* name) {
  const AttributeProto* const found = find(name, AttributeProto::INTS);
  if (!found) return {};
  require(found->ints_size() <= 64, "attribute ", name, " has ", found->ints_size(), " values");
  return {found->ints().begin(), found->ints().end()};
}

void NodeReader::ignore(const char* name) { asked_.emplace_back(name); }

void NodeReader::finish() const {
  for (const AttributeProto& attribute : proto_.attribute())
    require(std::ranges::count(asked_, attribute.name()) > 0, "attribute ", attribute.name(), " is not supported");
}

void NodeReader::require_inputs(int least, int most) const {
  require(inputs() >= least && inputs() <= most, "has ", inputs(), " inputs, expected ", least, " to ", most);
}

NodeWriter::NodeWriter(const Graph& graph, const Node& node, onnx::GraphProto& out)
    : graph_(graph), node_(node), out_(out), proto_(*out.add_node()) {
  proto_.set_name(name());
  proto_.add_output(name());
}

const Value* NodeWriter::input(std::size_t i) const {
  return i < node_.inputs.size() && node_.inputs[i] >= 0 ? &graph_.values[static_cast<std::size_t>(node_.inputs[i])]
                                                         : nullptr;
}

void NodeWriter::add_inputs() {
  std::size_t count = node_.inputs.size();
  while (count > 0 && node_.inputs[count - 1] < 0) --count;
  for (std::size_t i = 0; i < count; ++i) proto_.add_input(input(i) ? input(i)->name : "");
}

void NodeWriter::add_constant(const char* role, Shape shape, ConstantData data) {
  Value value{Value::Kind::kConstant, text(name(), '.', role), std::move(shape), -1};
  value.data = std::make_shared<const ConstantData>(std::move(data));
  write_tensor(value, *out_.add_initializer());
  proto_.add_input(value.name);
}

void NodeWriter::set(const char* name, std::int64_t value) { add(name, AttributeProto::INT).set_i(value); }
void NodeWriter::set(const char* name, float value) { add(name, AttributeProto::FLOAT).set_f(value); }
void NodeWriter::set(const char* name, const std::string& value) { add(name, AttributeProto::STRING).set_s(value); }
void NodeWriter::set(const char* name, const List& values) {
  AttributeProto& attribute = add(name, AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

AttributeProto& NodeWriter::add(const char* name, AttributeProto::AttributeType type) {
  AttributeProto& attribute = *proto_.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void NodeWriter::finish() const {
  for (const auto& [name, value] : node_.attributes)
    require(taken_.contains(name), "attribute ", name, " cannot be written");
}

}  // namespace octet::onnx_format
