// SPDX-License-Identifier: Apache-2.0
// How ONNX writes the options of sliding windows. Private to the room.
#pragma once

#include "octet/graph/onnx_node.h"

namespace octet::onnx_format {

/// The attribute's two numbers, or `fallback` twice. Throws Error if one is less than `least`.
List read_pair(NodeReader& node, const char* name, std::int64_t fallback, std::int64_t least);

struct Padding {
  List begin, end;
};
Padding read_padding(NodeReader& node);
void add_padding(const Padding& padding, Attributes& attributes);

/// Of a convolution: stride, dilation, groups.
Attributes read_window(NodeReader& node);
/// Of a pool: kernel_size, stride, ceil_mode, padding.
Attributes read_pool(NodeReader& node);

void write_padding(NodeWriter& node);
void write_window(NodeWriter& node);
void write_pool(NodeWriter& node);

}  // namespace octet::onnx_format
