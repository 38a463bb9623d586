// SPDX-License-Identifier: Apache-2.0
// Reads ONNX models. The file is taken to be hostile: sizes are checked against the bytes that are there before memory
// is taken, nothing outside the file is opened, and what is not understood is refused with the name of the node.
//
// ONNX operators become the ops of this library:
//   Conv                conv2d {stride, padding, dilation, groups, end_padding?}       x, w, bias?
//   ConvTranspose       conv_transpose2d {..., output_padding}                         x, w, bias?
//   Gemm, MatMul        linear {transposed_weight}                                     x, w, bias?
//   Relu, Clip          relu, clip {min, max}                                          x
//   Add                 add                                                            a, b
//   MaxPool             max_pool2d {kernel_size, stride, padding, dilation, ceil_mode, end_padding?}
//   AveragePool         avg_pool2d {kernel_size, stride, padding, ceil_mode, count_include_pad, end_padding?}
//   GlobalAveragePool   adaptive_avg_pool2d {output_size: [1, 1]}
//   Flatten, Reshape    flatten {start_dim, end_dim}, reshape {shape: 0 keeps a size, -1 fits}
//   Concat              cat {dim}
//   BatchNormalization  batch_norm {eps}                                               x, gamma, beta, mean, variance
//   QuantizeLinear      quantize {axis}                                                x, scale, zero point?
//   DequantizeLinear    dequantize {axis}                                              q, scale, zero point?
// Identity and Constant leave no node. end_padding [h, w] is there where it differs from padding, which then is that of
// the beginning. Shapes of results are left empty: infer_shapes() fills them in for given inputs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"

namespace octet {

/// `source` names the bytes in messages. Throws Error (source, node, rule). With `found`, nodes that are not understood
/// are noted there; what they compute becomes further inputs of the graph, without shapes.
Graph read_onnx(std::string_view bytes, const std::string& source, Obstacles* found = nullptr);
/// The same for a file of at most 2 GiB, which is as long as protobuf messages get.
Graph read_onnx_file(const std::filesystem::path& path);

}  // namespace octet
