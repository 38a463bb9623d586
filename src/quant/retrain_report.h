// SPDX-License-Identifier: Apache-2.0
// Private to quant: what a configuration does to the layers of a model.
#pragma once

#include <span>

#include "octet/quant/create_quant_retrain_config.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {

QuantRetrainReport retrain_report(std::span<const QuantizableLayer> layers, const QuantRetrainConfig& config);

}  // namespace octet
