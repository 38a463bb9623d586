// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/operators_shape.h"

#include <algorithm>
#include <limits>

#include "octet/graph/attributes.h"
#include "octet/graph/onnx_node.h"
#include "octet/graph/operator_families.h"
#include "octet/graph/window_options.h"

namespace octet {

using onnx_format::List;
using onnx_format::NodeReader;
using onnx_format::NodeWriter;
using onnx_format::ReadNode;

std::int64_t dim_from_front(const char* op, const char* name, std::int64_t dim, const Shape& shape) {
  const std::int64_t rank = std::ssize(shape);
  require(dim >= -rank && dim < rank, op, ": ", name, " must be in [", -rank, ", ", rank, ") (", name, " ", dim,
          ", shape ", shape, ")");
  return dim < 0 ? dim + rank : dim;
}

// ---- cat ------------------------------------------------------------------------------------------------------------

Shape cat_shape(std::span<const Shape* const> parts, std::int64_t dim) {
  const auto d = static_cast<std::size_t>(dim);
  Shape joined = *parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Shape shape = *parts[i];
    if (shape.size() == joined.size()) {
      joined[d] += shape[d];
      shape[d] = joined[d];
    }
    require(shape == joined, "cat: all sizes but that of dim ", dim, " must be equal (part 0 ", *parts[0], ", part ", i,
            " ", *parts[i], ")");
  }
  return joined;
}

namespace {

Attributes cat_defaults() { return {{"dim", std::int64_t{1}}}; }

std::vector<Shape> cat_result(const Operands& in) {
  std::vector<const Shape*> parts;
  for (std::size_t i = 0; i < in.count(); ++i) parts.push_back(&in.shape(i));
  const std::int64_t dim = attribute(in.attributes(), "dim", std::int64_t{1});
  return {cat_shape(parts, dim_from_front(ops::kCat, "dim", dim, *parts[0]))};
}

ReadNode read_concat(NodeReader& node) { return {ops::kCat, {{"dim", node.integer("axis", 1)}}}; }

void write_concat(NodeWriter& node) {
  node.set_operator("Concat");
  node.add_inputs();
  node.set("axis", node.take("dim", std::int64_t{1}));
}

}  // namespace

// ---- reshape --------------------------------------------------------------------------------------------------------

Shape reshape_target(const Shape& x, const Attributes& attributes) {
  Shape asked = attribute(attributes, "shape", Shape{});
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (asked[i] == 0) {
      require(i < x.size(), "reshape: shape ", asked, " keeps a size that x ", x, " does not have");
      asked[i] = x[i];
    }
  return asked;
}

Shape reshape_shape(const Shape& x, const Shape& asked) {
  Shape shape = asked;
  std::int64_t* unknown = nullptr;
  std::int64_t known = 1;
  for (std::int64_t& size : shape) {
    require(size >= -1 && (size >= 0 || !unknown), "reshape: sizes must not be negative, but one may be -1 (shape ",
            asked, ")");
    if (size == -1)
      unknown = &size;
    else
      require(!__builtin_mul_overflow(known, size, &known), "reshape: too many elements (shape ", asked, ")");
  }
  const std::int64_t count = element_count(x);
  if (unknown && known != 0) *unknown = count / known;
  require(unknown ? known != 0 && count % known == 0 : count == known, "reshape: ", x, " has ", count,
          " elements, which do not fit the shape ", asked);
  return shape;
}

namespace {

Attributes reshape_defaults() { return {{"shape", List{}}}; }

std::vector<Shape> reshape_result(const Operands& in) {
  return {reshape_shape(in.shape(0), reshape_target(in.shape(0), in.attributes()))};
}

ReadNode read_reshape(NodeReader& node) {
  node.require_inputs(1, 2);
  require(node.integer("allowzero", 0) == 0, "allowzero is not supported");
  const Value* const shape = node.constant(1);
  const auto* const sizes = shape ? std::get_if<List>(shape->data.get()) : nullptr;
  require(sizes && !sizes->empty() && sizes->size() <= 4, "the shape must be a constant of 1 to 4 int64 values");
  for (const std::int64_t size : *sizes)
    require(size >= -1 && size <= std::numeric_limits<std::int32_t>::max(), "the shape is out of range: ", *sizes);
  require(std::ranges::count(*sizes, -1) <= 1, "the shape ", *sizes, " has more than one -1");
  return {ops::kReshape, {{"shape", *sizes}}, 1};
}

// The batch stays what it is at run time: where it is first before and after, the shape says "as it was".
void write_reshape(NodeWriter& node) {
  List shape = node.take("shape", List{});
  const Value* const x = node.input(0);
  if (x && !x->shape.empty() && !shape.empty() && shape[0] == x->shape[0]) shape[0] = 0;
  node.set_operator("Reshape");
  node.add_inputs();
  const auto rank = static_cast<std::int64_t>(shape.size());
  node.add_constant("shape", {rank}, std::move(shape));
}

}  // namespace

// ---- flatten --------------------------------------------------------------------------------------------------------

Shape flatten_shape(const Shape& x, std::int64_t start_dim, std::int64_t end_dim) {
  const std::int64_t start = dim_from_front(ops::kFlatten, "start_dim", start_dim, x);
  const std::int64_t end = dim_from_front(ops::kFlatten, "end_dim", end_dim, x);
  require(start <= end, "flatten: start_dim must not come after end_dim (start_dim ", start_dim, ", end_dim ", end_dim,
          ", shape ", x, ")");
  const auto first = x.begin() + start, last = x.begin() + end + 1;
  Shape merged(x.begin(), first);
  merged.push_back(element_count(Shape(first, last)));
  merged.insert(merged.end(), last, x.end());
  return merged;
}

namespace {

Attributes flatten_defaults() { return {{"start_dim", std::int64_t{1}}, {"end_dim", std::int64_t{-1}}}; }

// ONNX's Flatten gives a matrix of a vector, too.
std::vector<Shape> flatten_result(const Operands& in) {
  const Shape& x = in.shape(0);
  const std::int64_t start = attribute(in.attributes(), "start_dim", std::int64_t{1});
  const std::int64_t end = attribute(in.attributes(), "end_dim", std::int64_t{-1});
  if (x.size() == 1 && start == 1 && end == -1) return {{x[0], 1}};
  return {flatten_shape(x, start, end)};
}

ReadNode read_flatten(NodeReader& node) {
  const std::int64_t axis = node.integer("axis", 1);
  require(axis == 1, "axis must be 1, got ", axis);
  return {ops::kFlatten, flatten_defaults()};
}

void write_flatten(NodeWriter& node) {
  const std::int64_t start = node.take("start_dim", std::int64_t{1}), end = node.take("end_dim", std::int64_t{-1});
  const Value* const x = node.input(0);
  require(start == 1 && (end == -1 || (x && end + 1 == std::ssize(x->shape))),
          "only flatten from dimension 1 to the last can be written (start_dim ", start, ", end_dim ", end, ")");
  node.set_operator("Flatten");
  node.add_inputs();
  node.set("axis", std::int64_t{1});
}

}  // namespace

// ---- pad2d ----------------------------------------------------------------------------------------------------------

const char* name_of(PaddingMode mode) {
  switch (mode) {
    case PaddingMode::kZeros:
      return "zeros";
    case PaddingMode::kReflect:
      return "reflect";
    case PaddingMode::kReplicate:
      return "replicate";
    case PaddingMode::kCircular:
      return "circular";
  }
  fail("pad2d: unknown padding mode ", static_cast<int>(mode));
}

Shape pad2d_shape(const Shape& x, Size2 padding, PaddingMode mode) {
  require_image(ops::kPad2d, "x", x);
  const std::int64_t h = x[2], w = x[3];
  require_at_least(ops::kPad2d, "padding", padding, 0);
  if (mode == PaddingMode::kReflect)
    require(padding.h < h && padding.w < w, "pad2d: reflect padding must be smaller than the image (padding ", padding,
            ", x ", x, ")");
  if (mode == PaddingMode::kCircular)
    require(padding.h <= h && padding.w <= w, "pad2d: circular padding must not exceed the image (padding ", padding,
            ", x ", x, ")");
  if (mode == PaddingMode::kReplicate)
    require(h > 0 && w > 0, "pad2d: replicate padding needs an image that is not empty (x ", x, ")");
  return {x[0], x[1], h + 2 * padding.h, w + 2 * padding.w};
}

PaddingMode padding_mode(const std::string& name) {
  for (const PaddingMode mode :
       {PaddingMode::kZeros, PaddingMode::kReflect, PaddingMode::kReplicate, PaddingMode::kCircular})
    if (name == name_of(mode)) return mode;
  fail("pad2d: there is no mode ", name, " (zeros, reflect, replicate and circular are)");
}

namespace {

Attributes pad2d_defaults() { return {{"padding", as_list(0)}, {"mode", std::string("zeros")}}; }

std::vector<Shape> pad2d_result(const Operands& in) {
  return {pad2d_shape(in.shape(0), size_attribute(in.attributes(), "padding", 0),
                      padding_mode(attribute(in.attributes(), "mode", std::string("zeros"))))};
}

}  // namespace

std::span<const Operator> shape_operators() {
  static const Operator rows[] = {
      {.name = ops::kCat,
       .least_inputs = 1,
       .most_inputs = kAnyNumber,
       .defaults = cat_defaults,
       .shapes = cat_result,
       .quantized = QuantizedAs::kCommutes,
       .read_from = {{"Concat", read_concat}},
       .write = write_concat},
      {.name = ops::kReshape,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = reshape_defaults,
       .shapes = reshape_result,
       .quantized = QuantizedAs::kCommutes,
       .read_from = {{"Reshape", read_reshape}},
       .write = write_reshape},
      {.name = ops::kFlatten,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = flatten_defaults,
       .shapes = flatten_result,
       .quantized = QuantizedAs::kCommutes,
       .read_from = {{"Flatten", read_flatten}},
       .write = write_flatten},
      {.name = ops::kPad2d,
       .least_inputs = 1,
       .most_inputs = 1,
       .defaults = pad2d_defaults,
       .shapes = pad2d_result,
       .quantized = QuantizedAs::kFloats,
       .not_deployed = "no step of a plan computes it yet"},
  };
  return rows;
}

}  // namespace octet
