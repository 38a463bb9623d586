// SPDX-License-Identifier: Apache-2.0
// From a model to the configuration of its quantization.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "octet/autograd/tensor.h"
#include "octet/quant/retrain_report.h"

namespace octet {

class Module;
struct SimplifiedConfig;

/// Traces the model in evaluation mode with `input_data`, finds the layers that can be quantized, and writes their
/// configuration to `config_file` (JSON; missing folders are made). `config_definition`, a simplified configuration in
/// protobuf's text form or (.yaml, .yml) in YAML, changes the defaults; see simplified_config.h. Then the model,
/// converted by it but not trained, goes the whole way into octet::deploy, in memory; what is refused on the way, all
/// of it, is in the report. The model stays as it is. Throws Error if no layer can be quantized, if the model has QAT
/// layers already, and for mistakes in config_definition (file, line, column, key, rule); the file is then as before.
QuantRetrainReport create_quant_retrain_config(const std::filesystem::path& config_file, Module& model,
                                               const Tensor& input_data,
                                               const std::optional<std::filesystem::path>& config_definition = {});

/// What create_quant_retrain_config() writes and returns, for who keeps the configuration elsewhere than in a file; the
/// report without obstacles.
struct QuantRetrainConfigText {
  std::string json;
  QuantRetrainReport report;
};
QuantRetrainConfigText quant_retrain_config_text(Module& model, const Tensor& input_data,
                                                 const SimplifiedConfig& definition);

}  // namespace octet
