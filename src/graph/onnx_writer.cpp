// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_writer.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <set>
#include <string>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/onnx_tensor.h"
#include "octet/graph/operator.h"

namespace octet {
namespace {

// Which ONNX intermediate representation goes with an opset, so that older runtimes take the file.
std::int64_t ir_version(std::int64_t opset) { return opset <= 13 ? 7 : opset <= 18 ? 8 : opset <= 20 ? 9 : 10; }

void write_known(const Graph& graph, const Node& node, onnx::GraphProto& out) {
  const Operator* const op = find_operator(node.op);
  require(op && op->write, "op ", node.op, " has no operator in ONNX here");
  onnx_format::NodeWriter writer(graph, node, out);
  op->write(writer);
  writer.finish();
}

void write_node(const Graph& graph, const Node& node, onnx::GraphProto& out, Obstacles* found) {
  const std::string& name = graph.values[static_cast<std::size_t>(node.output)].name;
  const int before = out.node_size();
  if (passes(found, text(name, " (", node.op, ")"), {.node = name, .op = node.op, .why = {}, .module = node.module},
             [&] { write_known(graph, node, out); }))
    return;
  while (out.node_size() > before) out.mutable_node()->RemoveLast();
  onnx_format::NodeWriter stand_in(graph, node, out);
  stand_in.set_operator(node.op.c_str());
  stand_in.set_domain("octet");
  stand_in.add_inputs();
}

void write_info(const Value& value, bool dynamic_batch, onnx::ValueInfoProto& info) {
  info.set_name(value.name);
  onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  if (value.shape.empty()) return;
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    onnx::TensorShapeProto::Dimension& size = *type.mutable_shape()->add_dim();
    if (value.shape[i] < 0 || (i == 0 && dynamic_batch))
      size.set_dim_param(i == 0 ? "batch" : text("size", i));
    else
      size.set_dim_value(value.shape[i]);
  }
}

}  // namespace

std::string write_onnx(const Graph& graph, const OnnxOptions& options, Obstacles* found) {
  onnx::ModelProto model;
  model.set_ir_version(ir_version(options.opset));
  model.set_producer_name("octet");
  onnx::OperatorSetIdProto& set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(options.opset);

  std::map<std::string, std::string> metadata = graph.metadata;
  metadata[kOctetFormatKey] = to_text(kModelFormat);
  for (const auto& [key, value] : metadata) {
    onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  onnx::GraphProto& out = *model.mutable_graph();
  out.set_name(options.graph_name);
  bool dynamic_batch = false;
  for (const int input : graph.inputs) {
    const Value& value = graph.values[static_cast<std::size_t>(input)];
    dynamic_batch = dynamic_batch || (!value.shape.empty() && value.shape[0] < 0);
    write_info(value, false, *out.add_input());
  }
  std::set<int> read;  // a value that nothing reads is not written
  for (const Node& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.kind != Value::Kind::kInput && value.producer < 0 && read.contains(static_cast<int>(i)))
      onnx_format::write_tensor(value, *out.add_initializer());
  }
  for (const Node& node : graph.nodes) write_node(graph, node, out, found);
  for (const int output : graph.outputs)
    write_info(graph.values[static_cast<std::size_t>(output)], dynamic_batch, *out.add_output());
  std::string bytes;
  require(model.SerializeToString(&bytes), "write_onnx: the model is too large for one file (2 GiB)");
  return bytes;
}

void write_onnx_file(const Graph& graph, const std::filesystem::path& path, const OnnxOptions& options) {
  write_file_atomically(path, write_onnx(graph, options));
}

}  // namespace octet
