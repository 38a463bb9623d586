// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_tensor.h"

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet::onnx_format {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX stores raw data in little-endian order");

using onnx::TensorProto;

constexpr int kLargestRank = 8;

// The number of values, or Error: a product that does not fit would pass for a small one.
std::int64_t checked_count(const TensorProto& tensor) {
  require(tensor.dims_size() <= kLargestRank, "tensor ", in_quotes(tensor.name()), ": has ", tensor.dims_size(),
          " dimensions, more than ", kLargestRank);
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.dims()) {
    require(size >= 0, "tensor ", in_quotes(tensor.name()), ": has a negative size ", size);
    require(size == 0 || count <= std::numeric_limits<std::int32_t>::max() / size, "tensor ", in_quotes(tensor.name()),
            ": is too large");
    count *= size;
  }
  return count;
}

// Values as the type's own repeated field has them, or as raw bytes.
template <typename T, typename Field>
std::shared_ptr<const ConstantData> read_values(const TensorProto& tensor, const Field& field) {
  const std::int64_t count = checked_count(tensor);
  std::vector<T> values;
  if (tensor.has_raw_data()) {
    require(tensor.raw_data().size() == static_cast<std::size_t>(count) * sizeof(T), "tensor ",
            in_quotes(tensor.name()), ": holds ", tensor.raw_data().size(), " bytes, its shape needs ", count,
            " values of ", sizeof(T));
    values.resize(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(values.data(), tensor.raw_data().data(), tensor.raw_data().size());
  } else {
    require(field.size() == count, "tensor ", in_quotes(tensor.name()), ": holds ", field.size(),
            " values, its shape needs ", count);
    values.reserve(static_cast<std::size_t>(count));
    for (const auto value : field) {
      if constexpr (std::is_integral_v<T>)
        if (!std::in_range<T>(value))
          fail("tensor ", in_quotes(tensor.name()), ": the value ", value, " is out of range");
      values.push_back(static_cast<T>(value));
    }
  }
  return std::make_shared<const ConstantData>(std::move(values));
}

std::shared_ptr<const ConstantData> read_data(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return read_values<float>(tensor, tensor.float_data());
    case TensorProto::INT8:
      return read_values<std::int8_t>(tensor, tensor.int32_data());
    case TensorProto::UINT8:
      return read_values<std::uint8_t>(tensor, tensor.int32_data());
    case TensorProto::INT32:
      return read_values<std::int32_t>(tensor, tensor.int32_data());
    case TensorProto::INT64:
      return read_values<std::int64_t>(tensor, tensor.int64_data());
    case TensorProto::UINT64:
      return read_values<std::uint64_t>(tensor, tensor.uint64_data());
    default:
      fail("tensor ", in_quotes(tensor.name()), ": element type ", tensor.data_type(),
           " is not supported (float, int8, uint8, int32, int64 and uint64 are)");
  }
}

template <typename T>
constexpr TensorProto::DataType kType = TensorProto::UNDEFINED;
template <>
constexpr TensorProto::DataType kType<float> = TensorProto::FLOAT;
template <>
constexpr TensorProto::DataType kType<std::int8_t> = TensorProto::INT8;
template <>
constexpr TensorProto::DataType kType<std::uint8_t> = TensorProto::UINT8;
template <>
constexpr TensorProto::DataType kType<std::int32_t> = TensorProto::INT32;
template <>
constexpr TensorProto::DataType kType<std::int64_t> = TensorProto::INT64;
template <>
constexpr TensorProto::DataType kType<std::uint64_t> = TensorProto::UINT64;

}  // namespace

Value read_tensor(const TensorProto& tensor) {
  require(tensor.data_location() != TensorProto::EXTERNAL && tensor.external_data_size() == 0, "tensor ",
          in_quotes(tensor.name()), ": its data lie in another file, which is not opened");
  require(!tensor.has_segment(), "tensor ", in_quotes(tensor.name()), ": is stored in segments");
  Value value;
  value.kind = Value::Kind::kConstant;
  value.name = tensor.name();
  value.data = read_data(tensor);
  value.shape.assign(tensor.dims().begin(), tensor.dims().end());
  return value;
}

void write_tensor(const Value& value, TensorProto& tensor) {
  require(value.data != nullptr, in_quotes(value.name), " has no data");
  tensor.set_name(value.name);
  for (const std::int64_t size : value.shape) tensor.add_dims(size);
  std::visit(
      [&]<typename T>(const std::vector<T>& values) {
        require(static_cast<std::int64_t>(values.size()) == element_count(value.shape), in_quotes(value.name),
                " holds ", values.size(), " values, its shape is ", value.shape);
        tensor.set_data_type(kType<T>);
        tensor.set_raw_data(values.data(), values.size() * sizeof(T));
      },
      *value.data);
}

}  // namespace octet::onnx_format
