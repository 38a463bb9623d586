// SPDX-License-Identifier: Apache-2.0
// The fake-quant model: float operators on whole numbers.
#pragma once

#include "octet/quant/quant_form.h"

namespace octet {

/// Quantizers become mul, round, add, clip, sub; weights and biases are whole numbers in float32.
const QuantForm& fake_quant_form();

}  // namespace octet
