// SPDX-License-Identifier: Apache-2.0
// From a float model and the configuration of its quantization to the model that is retrained.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "octet/autograd/tensor.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/quant_record.h"
#include "octet/nn/module.h"

namespace octet {

struct QuantRetrainOptions {
  /// Where a layer quantizes the input of a block, let the block's shortcut read the quantized values, too: a residual
  /// network can then stay in 8 bits from end to end. False is what Huawei's AMCT does: shortcuts read floats.
  bool quantize_shortcuts = false;
  /// Refuse a model that could be trained, but not saved or deployed afterwards. False asks for no look at that.
  bool deployable = true;
};

/// A copy of the model in which the layers that `config_file` enables are quantized, in their slots; `input_data` is
/// only traced. A Conv2d whose output a BatchNorm2d alone reads takes it in, and an Identity stands in its slot; layers
/// that read one tensor with one configuration share a quantizer. `record_file` becomes a record without layers, so
/// that nobody takes the scales of another model for this one's; write_record_file(file, quant_record(model)) fills it
/// after training. Throws Error if the model is quantized already, for mistakes in the file (file, line, column, key,
/// rule), and, unless the options say otherwise, with everything that stands in the way of its deployment.
std::unique_ptr<Module> create_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                   const std::filesystem::path& record_file, const Tensor& input_data,
                                                   const QuantRetrainOptions& options = {});

/// The copy alone, by a configuration that is in memory; `source` names it in messages.
struct QuantRetrainModel {
  std::unique_ptr<Module> module;
  bool force_fp16_quant;  ///< for quant_record()
  QuantRetrainReport report;
};
QuantRetrainModel quant_retrain_model(std::string_view config, std::string source, Module& model,
                                      const Tensor& input_data, const QuantRetrainOptions& options = {});

/// As create_quant_retrain_model(), and then the state of a model that was converted and trained like this, from
/// safetensors, and its record. `sub_key`: only the tensors whose names start with it and a dot ("model" in checkpoints
/// of a run). A "module." before all names is taken off. What is trained already is not asked whether it can be
/// deployed. Throws Error likewise otherwise, and for tensors that do not fit.
std::unique_ptr<Module> restore_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                    const std::filesystem::path& record_file, const Tensor& input_data,
                                                    const std::filesystem::path& checkpoint,
                                                    const std::string& sub_key = "",
                                                    const QuantRetrainOptions& options = {});

/// Scales and offsets, as they are now, of all quantized layers whose clips have been found. The factors of a
/// BatchNorm2d inside, |gamma| / sqrt(running_var + eps), are in scale_w, then one per channel. With
/// `force_fp16_quant`, the configuration's fakequant_precision_mode, scale_d has the precision of float16.
QuantRecord quant_record(Module& model, bool force_fp16_quant = false);

}  // namespace octet
