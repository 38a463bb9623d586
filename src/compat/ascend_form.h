// SPDX-License-Identifier: Apache-2.0
// The form that Huawei's AMCT writes for its NPUs: AscendQuant before a layer on integers, AscendDequant behind it.
#pragma once

#include "octet/quant/quant_form.h"

namespace octet {

/// int8 activations and weights, int32 biases and sums; a layer whose sums could leave int32 is refused, and so is an
/// op that reads quantized values as floats: there is no node for that.
const QuantForm& ascend_form();

}  // namespace octet
