// SPDX-License-Identifier: Apache-2.0
// Nodes of an ONNX file by what they say, with the defaults of what they leave out. For programs that link ONNX's
// messages.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace octet::test {

/// "int8" and the like.
inline std::string onnx_type_name(int type) {
  switch (type) {
    case onnx::TensorProto::FLOAT:
      return "float32";
    case onnx::TensorProto::INT8:
      return "int8";
    case onnx::TensorProto::INT32:
      return "int32";
    case onnx::TensorProto::UINT64:
      return "uint64";
    default:
      throw std::invalid_argument("the test knows no type " + std::to_string(type));
  }
}

template <typename T>
std::vector<double> raw_values(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return {values.begin(), values.end()};
}

/// Every integer that occurs is exact in double.
inline std::vector<double> onnx_values(const onnx::TensorProto& tensor) {
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      return raw_values<float>(tensor.raw_data());
    case onnx::TensorProto::INT8:
      return raw_values<std::int8_t>(tensor.raw_data());
    case onnx::TensorProto::INT32:
      return raw_values<std::int32_t>(tensor.raw_data());
    case onnx::TensorProto::UINT64:
      return raw_values<std::uint64_t>(tensor.raw_data());
    default:
      throw std::invalid_argument("the test knows no type " + std::to_string(tensor.data_type()));
  }
}

/// The attributes of a node, those that it leaves out included, as JSON.
inline std::map<std::string, nlohmann::json> onnx_attributes(const onnx::NodeProto& node) {
  std::map<std::string, nlohmann::json> all;
  const std::string& op = node.op_type();
  if (op == "Gemm") all = {{"alpha", 1.0}, {"beta", 1.0}, {"transA", 0}, {"transB", 0}};
  if (op == "Flatten") all = {{"axis", 1}};
  if (op == "Conv" || op == "ConvTranspose")
    all = {{"auto_pad", "NOTSET"}, {"group", 1}, {"dilations", {1, 1}}, {"strides", {1, 1}}, {"pads", {0, 0, 0, 0}}};
  if (op == "ConvTranspose") all["output_padding"] = {0, 0};
  if (op == "AscendDequant") all = {{"dtype", 0}, {"sqrt_mode", 0}, {"relu_flag", 0}};
  for (const onnx::AttributeProto& one : node.attribute()) {
    nlohmann::json& value = all[one.name()];
    switch (one.type()) {
      case onnx::AttributeProto::INT:
        value = one.i();
        break;
      case onnx::AttributeProto::FLOAT:
        value = one.f();
        break;
      case onnx::AttributeProto::STRING:
        value = one.s();
        break;
      case onnx::AttributeProto::INTS:
        value = std::vector<std::int64_t>(one.ints().begin(), one.ints().end());
        break;
      default:
        throw std::invalid_argument(op + ": the test knows no such attribute: " + one.name());
    }
  }
  return all;
}

/// The attributes that a node of this operator has if it says nothing, and that a file may therefore leave out.
inline std::map<std::string, nlohmann::json> onnx_defaults(const std::string& op) {
  onnx::NodeProto node;
  node.set_op_type(op);
  return onnx_attributes(node);
}

}  // namespace octet::test
