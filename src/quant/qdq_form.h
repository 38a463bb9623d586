// SPDX-License-Identifier: Apache-2.0
// Standard ONNX: QuantizeLinear and DequantizeLinear around float operators, which octet::deploy, ONNX Runtime and
// others run in integers.
#pragma once

#include "octet/quant/quant_form.h"

namespace octet {

/// uint8 activations (the offset plus 128), int8 weights, int32 biases. Deployed here.
const QuantForm& qdq_form();

}  // namespace octet
