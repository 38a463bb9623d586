// SPDX-License-Identifier: Apache-2.0
// ONNX operators as ops of this library. Private to the room.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <string>

#include "octet/graph/graph.h"

namespace octet::onnx_format {

/// A node of the file while it is read: its attributes, each asked for by name, and its constant inputs.
class NodeReader {
 public:
  /// `constant(i)` is the constant that input i names, or null.
  NodeReader(const onnx::NodeProto& proto, std::int64_t opset, std::function<const Value*(int)> constant)
      : proto_(proto), opset_(opset), constant_(std::move(constant)) {}

  std::int64_t integer(const char* name, std::int64_t fallback);
  float real(const char* name, float fallback);
  std::string string(const char* name, const char* fallback);
  /// Empty if the attribute is missing.
  std::vector<std::int64_t> integers(const char* name);
  /// Attributes that change nothing here.
  void ignore(const char* name);
  /// Throws Error if an attribute was never asked for.
  void finish() const;

  int inputs() const { return proto_.input_size(); }
  bool has_input(int i) const { return i < proto_.input_size() && !proto_.input(i).empty(); }
  const Value* constant(int i) const { return constant_(i); }
  std::int64_t opset() const { return opset_; }
  const std::string& op() const { return proto_.op_type(); }

 private:
  const onnx::AttributeProto* find(const char* name, onnx::AttributeProto::AttributeType type);

  const onnx::NodeProto& proto_;
  std::int64_t opset_;
  std::function<const Value*(int)> constant_;
  std::vector<std::string> asked_;
};

/// What an operator becomes: op and attributes, and how many of the file's inputs the op reads.
struct ReadOperator {
  std::string op;
  Attributes attributes;
  int least_inputs = 1, most_inputs = 1;
};
/// Throws Error if the operator, or something it asks for, is not supported.
ReadOperator read_operator(NodeReader& node);

}  // namespace octet::onnx_format
