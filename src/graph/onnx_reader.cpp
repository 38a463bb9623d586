// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_reader.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/file_kind.h"
#include "octet/base/input_file.h"
#include "octet/base/utf8.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/onnx_tensor.h"
#include "octet/graph/operator.h"
#include "octet/graph/operators_elementwise.h"

namespace octet {
namespace {

constexpr std::int64_t kOldestOpset = 10, kNewestOpset = 24;  // 10 brought QuantizeLinear
constexpr int kLargestRank = 8;

std::int64_t opset_of(const onnx::ModelProto& model) {
  for (const onnx::OperatorSetIdProto& set : model.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx") {
      require(set.version() >= kOldestOpset && set.version() <= kNewestOpset, "opset ", set.version(),
              " is not supported (", kOldestOpset, " to ", kNewestOpset, " are)");
      return set.version();
    }
  fail("the model does not say which opset it uses");
}

// How an operator of the file is read: of the forms that the opset knows, the newest.
const OnnxForm& form_of(const std::string& name, std::int64_t opset) {
  static const std::unordered_multimap<std::string_view, const OnnxForm*> by_name = [] {
    std::unordered_multimap<std::string_view, const OnnxForm*> found;
    for (const Operator* const op : all_operators())
      for (const OnnxForm& form : op->read_from) found.emplace(form.name, &form);
    return found;
  }();
  const OnnxForm* newest = nullptr;
  for (auto [form, end] = by_name.equal_range(name); form != end; ++form)
    if (form->second->since <= opset && (!newest || newest->since < form->second->since)) newest = form->second;
  require(newest != nullptr, "operator ", name, " is not supported");
  return *newest;
}

// Of what the file gives, `read` (all, if -1) are inputs of the op; the rest has become attributes.
void check_inputs(const Operator& op, std::vector<int>& inputs, int read) {
  if (read >= 0 && std::ssize(inputs) > read) inputs.resize(static_cast<std::size_t>(read));
  check_input_count(op, inputs.size());
  for (std::size_t i = 0; i < op.least_inputs; ++i) require(inputs[i] >= 0, "input ", i, " is missing");
}

// Builds the Graph while it walks the file's nodes in their order.
class GraphReader {
 public:
  GraphReader(const onnx::GraphProto& proto, std::int64_t opset, const std::string& source, Obstacles* found)
      : proto_(proto), opset_(opset), source_(source), found_(found) {}

  Graph read() {
    read_values();
    for (int i = 0; i < proto_.node_size(); ++i) {
      const onnx::NodeProto& node = proto_.node(i);
      const std::string place =
          text(source_, ": node ", i, " (", node.op_type(), node.name().empty() ? "" : " ", node.name(), ")");
      const std::string name = node.output_size() > 0 ? node.output(0) : "";
      if (!passes(found_, place, {.node = name, .op = node.op_type(), .why = {}}, [&] { read_node(node); }) &&
          !names_.contains(name))
        graph_.inputs.push_back(add_value({Value::Kind::kInput, name, {}, -1}));
    }
    const ContextScope scope(source_);
    require(proto_.output_size() > 0, "the graph has no outputs");
    for (const onnx::ValueInfoProto& output : proto_.output()) {
      const auto found = names_.find(output.name());
      require(found != names_.end(), "output ", in_quotes(output.name()), " is computed by no node");
      graph_.outputs.push_back(found->second);
    }
    return std::move(graph_);
  }

 private:
  void read_values() {
    const ContextScope scope(source_);
    require(proto_.sparse_initializer_size() == 0, "sparse initializers are not supported");
    for (const onnx::TensorProto& tensor : proto_.initializer()) add_value(onnx_format::read_tensor(tensor));
    for (const onnx::ValueInfoProto& input : proto_.input())
      if (!names_.contains(input.name())) read_input(input);  // older files list their constants here, too
  }

  int add_value(Value value) {
    const int index = static_cast<int>(graph_.values.size());
    require(!value.name.empty(), "a value has no name");
    require(names_.emplace(value.name, index).second, "the name ", in_quotes(value.name), " is given twice");
    graph_.values.push_back(std::move(value));
    return index;
  }

  void read_input(const onnx::ValueInfoProto& input) {
    require(input.type().has_tensor_type() && input.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT,
            "input ", in_quotes(input.name()), " must be a float tensor");
    const onnx::TensorShapeProto& shape = input.type().tensor_type().shape();
    require(input.type().tensor_type().has_shape() && shape.dim_size() >= 1 && shape.dim_size() <= kLargestRank,
            "input ", in_quotes(input.name()), " must have a shape of 1 to ", kLargestRank, " dimensions");
    Value value{Value::Kind::kInput, input.name(), {}, -1};
    for (const onnx::TensorShapeProto::Dimension& size : shape.dim()) {
      value.shape.push_back(size.has_dim_value() ? size.dim_value() : -1);
      require(value.shape.back() >= -1 && value.shape.back() <= std::numeric_limits<std::int32_t>::max(), "input ",
              in_quotes(input.name()), " has a size out of range: ", value.shape.back());
    }
    graph_.inputs.push_back(add_value(std::move(value)));
  }

  int value_named(const std::string& name) const {
    if (name.empty()) return -1;
    const auto found = names_.find(name);
    require(found != names_.end(), "reads ", in_quotes(name),
            ", which nothing before it computes (a cycle, a wrong order, or a missing value)");
    return found->second;
  }

  void read_node(const onnx::NodeProto& proto) {
    require(proto.domain().empty() || proto.domain() == "ai.onnx", "operator ", proto.domain(), '.', proto.op_type(),
            " is not supported");
    require(proto.output_size() >= 1 && !proto.output(0).empty(), "has no output");
    for (int i = 1; i < proto.output_size(); ++i)
      require(proto.output(i).empty(), "output ", i, " (", in_quotes(proto.output(i)), ") is not supported");
    if (proto.op_type() == "Constant") return read_constant(proto);

    std::vector<int> inputs;
    for (const std::string& name : proto.input()) inputs.push_back(value_named(name));
    const auto constant = [&](int i) -> const Value* {
      const int value = i < std::ssize(inputs) ? inputs[static_cast<std::size_t>(i)] : -1;
      return value >= 0 && graph_.values[static_cast<std::size_t>(value)].data
                 ? &graph_.values[static_cast<std::size_t>(value)]
                 : nullptr;
    };
    onnx_format::NodeReader reader(proto, constant);
    onnx_format::ReadNode read = form_of(proto.op_type(), opset_).read(reader);
    reader.finish();
    check_inputs(get_operator(read.op), inputs, read.inputs);
    if (read.op == ops::kIdentity) {
      require(names_.emplace(proto.output(0), inputs[0]).second, "the name ", in_quotes(proto.output(0)),
              " is given twice");
      return;
    }
    Node node;
    node.op = read.op;
    node.module = proto.name();
    node.inputs = std::move(inputs);
    node.attributes = std::move(read.attributes);
    node.output = add_value({Value::Kind::kResult, proto.output(0), {}, static_cast<int>(graph_.nodes.size())});
    graph_.nodes.push_back(std::move(node));
  }

  void read_constant(const onnx::NodeProto& proto) {
    require(proto.attribute_size() == 1 && proto.attribute(0).name() == "value" && proto.attribute(0).has_t(),
            "only the attribute value is supported");
    Value value = onnx_format::read_tensor(proto.attribute(0).t());
    value.name = proto.output(0);
    add_value(std::move(value));
  }

  const onnx::GraphProto& proto_;
  std::int64_t opset_;
  const std::string& source_;
  Obstacles* const found_;
  Graph graph_;
  std::unordered_map<std::string, int> names_;
};

// The model and its opset; what can be wrong with the file as a whole.
std::int64_t parse(std::string_view bytes, const std::string& source, onnx::ModelProto& model) {
  const ContextScope scope(source);
  require(bytes.size() <= std::numeric_limits<int>::max(), "the model is larger than 2 GiB");
  require(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && model.has_graph(),
          "not an ONNX model, or a damaged one (", bytes.size(), " bytes)");
  require(model.functions_size() == 0, "functions defined in the model are not supported");
  return opset_of(model);
}

}  // namespace

Graph read_onnx(std::string_view bytes, const std::string& source, Obstacles* found) {
  onnx::ModelProto model;
  const std::int64_t opset = parse(bytes, source, model);
  std::map<std::string, std::string> metadata;
  for (const onnx::StringStringEntryProto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  if (const auto format = metadata.extract(kOctetFormatKey)) require_readable(kModelFormat, format.mapped(), source);
  Graph graph = GraphReader(model.graph(), opset, source, found).read();
  graph.metadata = std::move(metadata);
  return graph;
}

Graph read_onnx_file(const std::filesystem::path& path) {
  {
    const InputFile file(path);
    const std::string start = file.bytes(0, std::min<std::uint64_t>(file.reported_size(), kKindBytes));
    const std::string wrong = wrong_file(start, WantedFile::kOnnx);
    require(wrong.empty(), path.string(), ": ", wrong);
  }
  return read_onnx(read_file(path, std::numeric_limits<int>::max()), path.string());
}

}  // namespace octet
