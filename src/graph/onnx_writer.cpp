// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_writer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/graph/onnx_tensor.h"

namespace octet {
namespace {

using List = std::vector<std::int64_t>;

// Which ONNX intermediate representation goes with an opset, so that older runtimes take the file.
std::int64_t ir_version(std::int64_t opset) { return opset <= 13 ? 7 : opset <= 18 ? 8 : opset <= 20 ? 9 : 10; }

// One node on its way into the file. An attribute that was not taken by then is an error: nothing is left out silently.
class NodeWriter {
 public:
  NodeWriter(const Graph& graph, const Node& node, onnx::GraphProto& out)
      : graph_(graph), node_(node), out_(out), proto_(*out.add_node()) {
    proto_.set_name(name());
    proto_.add_output(name());
  }

  const Node& node() const { return node_; }
  const std::string& name() const { return graph_.values[static_cast<std::size_t>(node_.output)].name; }
  const Value* input(std::size_t i) const {
    return i < node_.inputs.size() && node_.inputs[i] >= 0 ? &graph_.values[static_cast<std::size_t>(node_.inputs[i])]
                                                           : nullptr;
  }
  const Value& output() const { return graph_.values[static_cast<std::size_t>(node_.output)]; }

  void set_operator(const char* name) { proto_.set_op_type(name); }
  void set_domain(const char* name) { proto_.set_domain(name); }
  /// The node's inputs; optional ones that are absent at the end are left out.
  void add_inputs() {
    std::size_t count = node_.inputs.size();
    while (count > 0 && node_.inputs[count - 1] < 0) --count;
    for (std::size_t i = 0; i < count; ++i) proto_.add_input(input(i) ? input(i)->name : "");
  }
  /// A constant that is an input in ONNX and an attribute here.
  void add_constant(const char* role, Shape shape, ConstantData data) {
    Value value{Value::Kind::kConstant, text(name(), '.', role), std::move(shape), -1};
    value.data = std::make_shared<const ConstantData>(std::move(data));
    onnx_format::write_tensor(value, *out_.add_initializer());
    proto_.add_input(value.name);
  }

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

  void set(const char* name, std::int64_t value) {
    onnx::AttributeProto& attribute = add(name, onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  void set(const char* name, float value) { add(name, onnx::AttributeProto::FLOAT).set_f(value); }
  void set(const char* name, const std::string& value) { add(name, onnx::AttributeProto::STRING).set_s(value); }
  void set(const char* name, const List& values) {
    onnx::AttributeProto& attribute = add(name, onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

  void finish() const {
    for (const auto& [name, value] : node_.attributes)
      require(taken_.contains(name), "attribute ", name, " cannot be written");
  }

 private:
  onnx::AttributeProto& add(const char* name, onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto& attribute = *proto_.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
  }

  const Graph& graph_;
  const Node& node_;
  onnx::GraphProto& out_;
  onnx::NodeProto& proto_;
  std::set<std::string, std::less<>> taken_;
};

void set_pads(NodeWriter& node) {
  const List begin = node.take("padding", List{0, 0}), end = node.take("end_padding", begin);
  node.set("pads", List{begin[0], begin[1], end[0], end[1]});
}

void set_window(NodeWriter& node) {
  node.set("strides", node.take("stride", List{1, 1}));
  node.set("dilations", node.take("dilation", List{1, 1}));
  node.set("group", node.take("groups", std::int64_t{1}));
  set_pads(node);
  const Value* const weight = node.input(1);
  if (weight && weight->shape.size() == 4) node.set("kernel_shape", List{weight->shape[2], weight->shape[3]});
}

void conv(NodeWriter& node) {
  node.set_operator("Conv");
  node.add_inputs();
  set_window(node);
}

void conv_transpose(NodeWriter& node) {
  node.set_operator("ConvTranspose");
  node.add_inputs();
  set_window(node);
  node.set("output_padding", node.take("output_padding", List{0, 0}));
}

void linear(NodeWriter& node) {
  const bool transposed = node.take("transposed_weight", false);
  const Value* const x = node.input(0);
  if (x && x->shape.size() > 2) {  // Gemm takes matrices only
    require(transposed && !node.input(2), "linear of more than 2 dimensions needs a transposed weight and no bias");
    node.set_operator("MatMul");
    return node.add_inputs();
  }
  node.set_operator("Gemm");
  node.add_inputs();
  node.set("transB", std::int64_t{transposed ? 0 : 1});
}

template <const char* const& kName>
void plain(NodeWriter& node) {
  node.set_operator(kName);
  node.add_inputs();
}

void write_clip(NodeWriter& node, double min, double max) {
  node.set_operator("Clip");
  node.add_inputs();
  node.add_constant("min", {}, std::vector<float>{static_cast<float>(min)});
  node.add_constant("max", {}, std::vector<float>{static_cast<float>(max)});
}
void clip(NodeWriter& node) {
  const double infinity = HUGE_VAL;
  write_clip(node, node.take("min", -infinity), node.take("max", infinity));
}
void relu6(NodeWriter& node) { write_clip(node, 0.0, 6.0); }

void set_pool(NodeWriter& node) {
  const List kernel = node.take("kernel_size", List{});
  node.set("kernel_shape", kernel);
  node.set("strides", node.take("stride", kernel));
  node.set("ceil_mode", std::int64_t{node.take("ceil_mode", false)});
  set_pads(node);
}

void max_pool(NodeWriter& node) {
  node.set_operator("MaxPool");
  node.add_inputs();
  set_pool(node);
  node.set("dilations", node.take("dilation", List{1, 1}));
}

void average_pool(NodeWriter& node) {
  node.set_operator("AveragePool");
  node.add_inputs();
  set_pool(node);
  node.set("count_include_pad", std::int64_t{node.take("count_include_pad", true)});
}

void global_average_pool(NodeWriter& node) {
  require(node.take("output_size", List{}) == List{1, 1}, "output_size other than 1x1 has no operator in ONNX");
  node.set_operator("GlobalAveragePool");
  node.add_inputs();
}

void flatten(NodeWriter& node) {
  const std::int64_t start = node.take("start_dim", std::int64_t{1}), end = node.take("end_dim", std::int64_t{-1});
  const Value* const x = node.input(0);
  require(start == 1 && (end == -1 || (x && end + 1 == std::ssize(x->shape))),
          "only flatten from dimension 1 to the last can be written (start_dim ", start, ", end_dim ", end, ")");
  node.set_operator("Flatten");
  node.add_inputs();
  node.set("axis", std::int64_t{1});
}

// The batch stays what it is at run time: where it is first before and after, the shape says "as it was".
void reshape(NodeWriter& node) {
  List shape = node.take("shape", List{});
  const Value* const x = node.input(0);
  if (x && !x->shape.empty() && !shape.empty() && shape[0] == x->shape[0]) shape[0] = 0;
  node.set_operator("Reshape");
  node.add_inputs();
  const auto rank = static_cast<std::int64_t>(shape.size());
  node.add_constant("shape", {rank}, std::move(shape));
}

void concat(NodeWriter& node) {
  node.set_operator("Concat");
  node.add_inputs();
  node.set("axis", node.take("dim", std::int64_t{1}));
}

void batch_norm(NodeWriter& node) {
  require(!node.take("training", false), "batch_norm in training mode cannot be written");
  node.leave_out("momentum");
  for (std::size_t i = 0; i < 5; ++i)
    require(node.input(i) != nullptr, "batch_norm without affine parameters or running statistics cannot be written");
  node.set_operator("BatchNormalization");
  node.add_inputs();
  node.set("epsilon", static_cast<float>(node.take("eps", 1e-5)));
}

template <const char* const& kName>
void quantization(NodeWriter& node) {
  node.set_operator(kName);
  node.add_inputs();
  const Value* const scale = node.input(1);  // the axis has a meaning only for scales per channel
  const std::int64_t axis = node.take("axis", std::int64_t{1});
  if (scale && scale->shape.size() == 1) node.set("axis", axis);
}

void ascend_quant(NodeWriter& node) {
  node.set_operator("AscendQuant");
  node.add_inputs();
  node.set("scale", static_cast<float>(node.take("scale", 1.0)));
  node.set("offset", static_cast<float>(node.take("offset", 0.0)));
  node.set("dst_type", node.take("dst_type", std::string("INT8")));
}

constexpr const char* kAdd = "Add";
constexpr const char* kAscendDequant = "AscendDequant";
constexpr const char* kDequantize = "DequantizeLinear";
constexpr const char* kIdentity = "Identity";
constexpr const char* kMul = "Mul";
constexpr const char* kQuantize = "QuantizeLinear";
constexpr const char* kRelu = "Relu";
constexpr const char* kRound = "Round";
constexpr const char* kSub = "Sub";

struct Operator {
  const char* op;
  void (*write)(NodeWriter&);
};
constexpr Operator kOperators[] = {
    {"adaptive_avg_pool2d", global_average_pool},
    {"add", plain<kAdd>},
    {"ascend_dequant", plain<kAscendDequant>},
    {"ascend_quant", ascend_quant},
    {"avg_pool2d", average_pool},
    {"batch_norm", batch_norm},
    {"cat", concat},
    {"clip", clip},
    {"conv2d", conv},
    {"conv_transpose2d", conv_transpose},
    {"dequantize", quantization<kDequantize>},
    {"flatten", flatten},
    {"identity", plain<kIdentity>},
    {"linear", linear},
    {"max_pool2d", max_pool},
    {"mul", plain<kMul>},
    {"quantize", quantization<kQuantize>},
    {"relu", plain<kRelu>},
    {"relu6", relu6},
    {"reshape", reshape},
    {"round", plain<kRound>},
    {"sub", plain<kSub>},
};

void write_known(const Graph& graph, const Node& node, onnx::GraphProto& out) {
  const auto known = std::ranges::find_if(kOperators, [&](const Operator& o) { return node.op == o.op; });
  require(known != std::end(kOperators), "op ", node.op, " has no operator in ONNX here");
  NodeWriter writer(graph, node, out);
  known->write(writer);
  writer.finish();
}

void write_node(const Graph& graph, const Node& node, onnx::GraphProto& out, Obstacles* found) {
  const std::string& name = graph.values[static_cast<std::size_t>(node.output)].name;
  const int before = out.node_size();
  if (passes(found, text(name, " (", node.op, ")"), {.node = name, .op = node.op, .why = {}, .module = node.module},
             [&] { write_known(graph, node, out); }))
    return;
  while (out.node_size() > before) out.mutable_node()->RemoveLast();
  NodeWriter stand_in(graph, node, out);
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

  for (const auto& [key, value] : graph.metadata) {
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
