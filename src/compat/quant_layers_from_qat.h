// SPDX-License-Identifier: Apache-2.0
// From a trained QAT layer to the single int8 layer with the arithmetic of Huawei's torch_npu (quant_layers.h).
#pragma once

#include <string>

#include "octet/compat/quant_layers.h"
#include "octet/quant/qat_layers.h"

namespace octet {

/// The layer's integers, a BatchNorm inside folded in: int8 weights, scale = input scale * weight scale, offset_x = the
/// input's offset, bias = rint(bias / scale) - offset_x * (sum of the channel's weights), because the NPU operators
/// add up input integers as they are. output_dtype: "float16", with the scale cut to 19 bits, or "float32". Throws
/// Error if the clips have not been found yet, or if something leaves the limits of the NPU operators.
deploy::QuantConv2d quant_conv2d_from_qat(const Conv2dQAT& layer, const std::string& output_dtype = "float16");
deploy::QuantConvTranspose2d quant_conv_transpose2d_from_qat(const ConvTranspose2dQAT& layer,
                                                             const std::string& output_dtype = "float16");
deploy::QuantLinear quant_linear_from_qat(const LinearQAT& layer, const std::string& output_dtype = "float16");

}  // namespace octet
