// SPDX-License-Identifier: Apache-2.0
// Hostile files are made here message by message, so that each test damages one thing.
#include "octet/graph/onnx_reader.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <functional>

#include "octet/base/file.h"
#include "octet/base/rng.h"
#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

onnx::NodeProto& add_node(onnx::GraphProto& graph, const char* op, const std::vector<std::string>& inputs,
                          const char* output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  node.set_name(std::string("the ") + output);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

void add_ints(onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

// x [N, 1, 4, 4] -> Conv with a 1x1 weight -> Relu.
onnx::ModelProto model() {
  onnx::ModelProto m;
  m.set_ir_version(7);
  m.add_opset_import()->set_version(13);
  onnx::GraphProto& g = *m.mutable_graph();
  onnx::ValueInfoProto& x = *g.add_input();
  x.set_name("x");
  auto& type = *x.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("n");
  for (const std::int64_t size : {1, 4, 4}) type.mutable_shape()->add_dim()->set_dim_value(size);
  onnx::TensorProto& w = *g.add_initializer();
  w.set_name("w");
  w.set_data_type(onnx::TensorProto::FLOAT);
  for (int i = 0; i < 4; ++i) w.add_dims(1);
  w.add_float_data(2.0F);
  add_node(g, "Conv", {"x", "w"}, "c");
  add_node(g, "Relu", {"c"}, "y");
  g.add_output()->set_name("y");
  return m;
}

std::string error_of(const std::function<void(onnx::ModelProto&)>& damage) {
  onnx::ModelProto m = model();
  damage(m);
  return error_text([&] { read_onnx(m.SerializeAsString(), "m.onnx"); });
}

TEST(OnnxReader, ReadsNodesInputsAndConstants) {
  const Graph graph = read_onnx(model().SerializeAsString(), "m.onnx");
  ASSERT_EQ(graph.nodes.size(), 2U);
  EXPECT_EQ(graph.nodes[0].op, "conv2d");
  EXPECT_EQ(graph.nodes[0].module, "the c");
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(graph.nodes[0].attributes.at("stride")),
            (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(graph.nodes[1].op, "relu");
  ASSERT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(graph.values[static_cast<std::size_t>(graph.inputs[0])].shape, (Shape{-1, 1, 4, 4}));
}

TEST(OnnxReader, NamesTheOperatorThatItDoesNotKnow) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_node(1)->set_op_type("Softmax"); }),
            "m.onnx: node 1 (Softmax the y): operator Softmax is not supported");
}

TEST(OnnxReader, RefusesOtherDomainsAndFunctions) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_node(1)->set_domain("com.microsoft"); }),
            "m.onnx: node 1 (Relu the y): operator com.microsoft.Relu is not supported");
  EXPECT_EQ(error_of([](auto& m) { m.add_functions(); }), "m.onnx: functions defined in the model are not supported");
}

TEST(OnnxReader, RefusesCyclesAndWrongOrders) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "y"); }),
            "m.onnx: node 0 (Conv the c): reads \"y\", which nothing before it computes (a cycle, a wrong order, or a "
            "missing value)");
}

TEST(OnnxReader, RefusesNamesThatAreGivenTwice) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_node(1)->set_output(0, "c"); }),
            "m.onnx: node 1 (Relu the y): the name \"c\" is given twice");
}

TEST(OnnxReader, RefusesAnOutputThatNothingComputes) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_output(0)->set_name("z"); }),
            "m.onnx: output \"z\" is computed by no node");
}

TEST(OnnxReader, OpensNoOtherFile) {
  EXPECT_EQ(error_of([](auto& m) {
              onnx::TensorProto& w = *m.mutable_graph()->mutable_initializer(0);
              w.set_data_location(onnx::TensorProto::EXTERNAL);
              auto& entry = *w.add_external_data();
              entry.set_key("location");
              entry.set_value("/etc/passwd");
            }),
            "m.onnx: tensor \"w\": its data lie in another file, which is not opened");
}

TEST(OnnxReader, ChecksSizesAgainstTheBytesThatAreThere) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_initializer(0)->set_dims(0, 1000000); }),
            "m.onnx: tensor \"w\": holds 1 values, its shape needs 1000000");
  EXPECT_EQ(error_of([](auto& m) {
              for (int i = 0; i < 4; ++i) m.mutable_graph()->mutable_initializer(0)->set_dims(i, 1 << 20);
            }),
            "m.onnx: tensor \"w\": is too large");
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_initializer(0)->set_dims(0, -1); }),
            "m.onnx: tensor \"w\": has a negative size -1");
  EXPECT_EQ(error_of([](auto& m) { m.mutable_graph()->mutable_initializer(0)->set_raw_data("abc"); }),
            "m.onnx: tensor \"w\": holds 3 bytes, its shape needs 1 values of 4");
}

TEST(OnnxReader, RefusesElementTypesThatItDoesNotKnow) {
  EXPECT_EQ(
      error_of([](auto& m) { m.mutable_graph()->mutable_initializer(0)->set_data_type(onnx::TensorProto::DOUBLE); }),
      "m.onnx: tensor \"w\": element type 11 is not supported (float, int8, uint8, int32, int64 and uint64 are)");
}

TEST(OnnxReader, RefusesOpsetsOutsideItsRange) {
  EXPECT_EQ(error_of([](auto& m) { m.mutable_opset_import(0)->set_version(9); }),
            "m.onnx: opset 9 is not supported (10 to 24 are)");
  EXPECT_EQ(error_of([](auto& m) { m.clear_opset_import(); }), "m.onnx: the model does not say which opset it uses");
}

TEST(OnnxReader, RefusesAttributesThatItWouldIgnore) {
  EXPECT_EQ(error_of([](auto& m) { add_ints(*m.mutable_graph()->mutable_node(0), "magic", {1}); }),
            "m.onnx: node 0 (Conv the c): attribute magic is not supported");
  EXPECT_EQ(error_of([](auto& m) {
              add_ints(*m.mutable_graph()->mutable_node(0), "strides", {0, 1});
            }),
            "m.onnx: node 0 (Conv the c): attribute strides is out of range: 0");
  EXPECT_EQ(error_of([](auto& m) { add_ints(*m.mutable_graph()->mutable_node(0), "group", {1}); }),
            "m.onnx: node 0 (Conv the c): attribute group has type INTS, not INT");
}

TEST(OnnxReader, RefusesEveryTruncation) {
  const std::string bytes = model().SerializeAsString();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(error_text([&] { read_onnx(std::string_view(bytes).substr(0, size), "m.onnx"); }), "no error") << size;
}

TEST(OnnxReader, AnswersFlippedBitsWithAnErrorOrAGraph) {
  const std::string bytes = model().SerializeAsString();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    error_text([&] { read_onnx(damaged, "m.onnx"); });
  }
}

TEST(OnnxReader, CallsOtherKindsOfFilesByTheirNames) {
  const std::string path = testing::TempDir() + "/wrong.onnx";
  write_file_atomically(path, "<!DOCTYPE html><title>404</title>");
  EXPECT_EQ(
      error_text([&] { read_onnx_file(path); }),
      path +
          ": this is a web page, perhaps instead of a download, not an ONNX model; download it again, and look at "
          "what the server says");
  write_file_atomically(path, model().SerializeAsString());
  EXPECT_EQ(error_text([&] { read_onnx_file(path); }), "no error");
}

}  // namespace
}  // namespace octet
