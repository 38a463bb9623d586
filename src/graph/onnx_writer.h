// SPDX-License-Identifier: Apache-2.0
// Writes a Graph whose parameters and constants carry their data as an ONNX model: the inverse of onnx_reader.h, and
// element-wise ops and the quantization nodes of Huawei's AMCT besides:
//   sub, mul            Sub, Mul                                                       a, b
//   round               Round                                                          x
//   relu6               Clip                                                           x
//   identity            Identity                                                       x
//   ascend_quant        AscendQuant {scale, offset, dst_type}                          x
//   ascend_dequant      AscendDequant                                                  acc, param (uint64)
#pragma once

#include <filesystem>
#include <string>

#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"

namespace octet {

struct OnnxOptions {
  std::int64_t opset = 13;  ///< the oldest with per-channel QuantizeLinear
  std::string graph_name = "octet";
};

/// The model's bytes, whose metadata say the version of their format besides what the graph's says. A size -1 of an
/// input, and of the outputs where they depend on it, becomes the symbol "batch". Throws Error, naming the node, for
/// ops that ONNX has no operator for here and for parameters without data. With `found`, nodes that cannot be written
/// are noted there, and operators that no reader knows take their places.
std::string write_onnx(const Graph& graph, const OnnxOptions& options = {}, Obstacles* found = nullptr);
/// The same into a file, which is replaced as a whole or not at all.
void write_onnx_file(const Graph& graph, const std::filesystem::path& path, const OnnxOptions& options = {});

}  // namespace octet
