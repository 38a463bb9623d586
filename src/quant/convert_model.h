// SPDX-License-Identifier: Apache-2.0
// A model with quantized layers in the slots of its float ones, by the configuration of its layers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/nn/module.h"
#include "octet/quant/conversion_plan.h"
#include "octet/quant/retrain_report.h"

namespace octet {

/// What a configuration means for one model.
struct ModelConversion {
  std::vector<LayerConversion> layers;
  bool force_fp16_quant;  ///< of the configuration
  QuantRetrainReport report;
};

/// `config` is the text of quant_retrain_config.h, `source` names it in messages; `input` is only traced. Throws Error
/// if the model is quantized already, and for mistakes in the text.
ModelConversion plan_model_conversion(Module& model, std::string_view config, std::string source, const Tensor& input);

/// A copy of the model that `conversion` was planned for, converted. With `quantize_shortcuts` the quantizer of a
/// block's input is the filter of the block's slot.
std::unique_ptr<Module> convert_model(const Module& model, const ModelConversion& conversion, bool quantize_shortcuts);

}  // namespace octet
