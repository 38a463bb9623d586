// SPDX-License-Identifier: Apache-2.0
// A node of an ONNX file while it is read or written: what the rows of the operator table see of it. Private to the
// room.
#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/error.h"
#include "octet/graph/graph.h"

namespace octet::onnx_format {

using List = std::vector<std::int64_t>;

/// A node that is read: its attributes, each asked for by name, and its constant inputs.
class NodeReader {
 public:
  /// `constant(i)` is the constant that input i names, or null.
  NodeReader(const onnx::NodeProto& proto, std::function<const Value*(int)> constant)
      : proto_(proto), constant_(std::move(constant)) {}

  std::int64_t integer(const char* name, std::int64_t fallback);
  float real(const char* name, float fallback);
  std::string string(const char* name, const char* fallback);
  /// Empty if the attribute is missing.
  List integers(const char* name);
  /// Attributes that change nothing here.
  void ignore(const char* name);
  /// Throws Error if an attribute was never asked for.
  void finish() const;

  int inputs() const { return proto_.input_size(); }
  bool has_input(int i) const { return i < proto_.input_size() && !proto_.input(i).empty(); }
  const Value* constant(int i) const { return constant_(i); }
  void require_inputs(int least, int most) const;

 private:
  const onnx::AttributeProto* find(const char* name, onnx::AttributeProto::AttributeType type);

  const onnx::NodeProto& proto_;
  std::function<const Value*(int)> constant_;
  std::vector<std::string> asked_;
};

/// What an operator of ONNX becomes.
struct ReadNode {
  const char* op;
  Attributes attributes = {};
  int inputs = -1;  ///< how many of the file's the op reads, where the others have become attributes; -1: all
};

/// A node on its way into a file. An attribute that was not taken by then is an error: nothing is left out silently.
class NodeWriter {
 public:
  NodeWriter(const Graph& graph, const Node& node, onnx::GraphProto& out);

  const std::string& name() const { return graph_.values[static_cast<std::size_t>(node_.output)].name; }
  /// Null where an optional input is absent.
  const Value* input(std::size_t i) const;

  void set_operator(const char* name) { proto_.set_op_type(name); }
  void set_domain(const char* name) { proto_.set_domain(name); }
  /// The node's inputs; optional ones that are absent at the end are left out.
  void add_inputs();
  /// A constant that is an input in ONNX and an attribute here.
  void add_constant(const char* role, Shape shape, ConstantData data);

  template <typename T>
  T take(const char* name, T fallback) {
    taken_.insert(name);
    const auto found = node_.attributes.find(name);
    if (found == node_.attributes.end()) return fallback;
    const T* const value = std::get_if<T>(&found->second);
    require(value != nullptr, "attribute ", name, " has the wrong type");
    return *value;
  }
  void leave_out(const char* name) { taken_.insert(name); }

  void set(const char* name, std::int64_t value);
  void set(const char* name, float value);
  void set(const char* name, const std::string& value);
  void set(const char* name, const List& values);

  void finish() const;

 private:
  onnx::AttributeProto& add(const char* name, onnx::AttributeProto::AttributeType type);

  const Graph& graph_;
  const Node& node_;
  onnx::GraphProto& out_;
  onnx::NodeProto& proto_;
  std::set<std::string, std::less<>> taken_;
};

/// Writes a node without options as the operator of this name.
template <const char* const& kName>
void write_plain(NodeWriter& node) {
  node.set_operator(kName);
  node.add_inputs();
}

}  // namespace octet::onnx_format
