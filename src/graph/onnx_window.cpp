// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/onnx_window.h"

namespace octet::onnx_format {
namespace {

constexpr std::int64_t kLargestInFile = std::int64_t{1} << 20;  // of strides, paddings, ...

}  // namespace

List read_pair(NodeReader& node, const char* name, std::int64_t fallback, std::int64_t least) {
  List values = node.integers(name);
  if (values.empty()) values = {fallback, fallback};
  require(values.size() == 2, "attribute ", name, " must have 2 values for images, has ", values.size());
  for (const std::int64_t value : values)
    require(value >= least && value <= kLargestInFile, "attribute ", name, " is out of range: ", value);
  return values;
}

Padding read_padding(NodeReader& node) {
  const std::string auto_pad = node.string("auto_pad", "NOTSET");
  require(auto_pad == "NOTSET" || auto_pad == "VALID", "auto_pad ", auto_pad, " is not supported (explicit pads are)");
  const List pads = node.integers("pads");
  if (auto_pad == "VALID" || pads.empty()) return {{0, 0}, {0, 0}};
  require(pads.size() == 4, "attribute pads must have 4 values for images, has ", pads.size());
  for (const std::int64_t value : pads)
    require(value >= 0 && value <= kLargestInFile, "attribute pads is out of range: ", value);
  return {{pads[0], pads[1]}, {pads[2], pads[3]}};
}

void add_padding(const Padding& padding, Attributes& attributes) {
  attributes["padding"] = padding.begin;
  if (padding.end != padding.begin) attributes["end_padding"] = padding.end;
}

Attributes read_window(NodeReader& node) {
  const List kernel = node.integers("kernel_shape");  // repeats what the weight's shape says
  require(kernel.empty() || kernel.size() == 2, "only 2-D convolutions are supported, kernel_shape has ", kernel.size(),
          " values");
  const std::int64_t groups = node.integer("group", 1);
  require(groups >= 1 && groups <= kLargestInFile, "attribute group is out of range: ", groups);
  return {{"stride", read_pair(node, "strides", 1, 1)},
          {"dilation", read_pair(node, "dilations", 1, 1)},
          {"groups", groups}};
}

Attributes read_pool(NodeReader& node) {
  const List kernel = node.integers("kernel_shape");
  require(kernel.size() == 2, "kernel_shape must have 2 values for images, has ", kernel.size());
  const bool ceil_mode = node.integer("ceil_mode", 0) != 0;
  Attributes options{{"kernel_size", read_pair(node, "kernel_shape", 1, 1)},
                     {"stride", read_pair(node, "strides", 1, 1)},
                     {"ceil_mode", ceil_mode}};
  add_padding(read_padding(node), options);
  return options;
}

void write_padding(NodeWriter& node) {
  const List begin = node.take("padding", List{0, 0}), end = node.take("end_padding", begin);
  node.set("pads", List{begin[0], begin[1], end[0], end[1]});
}

void write_window(NodeWriter& node) {
  node.set("strides", node.take("stride", List{1, 1}));
  node.set("dilations", node.take("dilation", List{1, 1}));
  node.set("group", node.take("groups", std::int64_t{1}));
  write_padding(node);
  const Value* const weight = node.input(1);
  if (weight && weight->shape.size() == 4) node.set("kernel_shape", List{weight->shape[2], weight->shape[3]});
}

void write_pool(NodeWriter& node) {
  const List kernel = node.take("kernel_size", List{});
  node.set("kernel_shape", kernel);
  node.set("strides", node.take("stride", kernel));
  node.set("ceil_mode", std::int64_t{node.take("ceil_mode", false)});
  write_padding(node);
}

}  // namespace octet::onnx_format
