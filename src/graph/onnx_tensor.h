// SPDX-License-Identifier: Apache-2.0
// Constant tensors in ONNX files. Private to the room.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>

#include "octet/graph/graph.h"

namespace octet::onnx_format {

/// The constant as a Value. Throws Error, naming the tensor, unless it holds exactly as many values as its shape says,
/// in the file itself.
Value read_tensor(const onnx::TensorProto& tensor);
void write_tensor(const Value& value, onnx::TensorProto& tensor);

}  // namespace octet::onnx_format
