// SPDX-License-Identifier: Apache-2.0
// From a model to the configuration of its quantization.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/graph/obstacle.h"

namespace octet {

class Module;
struct SimplifiedConfig;

/// What happens to the layers of a model, and what its owner should know.
struct QuantRetrainReport {
  struct Layer {
    std::string name, type;
    bool quantized;
    std::string reason;  ///< why it is not quantized; empty if it is
  };
  std::vector<Layer> layers;          ///< every Conv2d, ConvTranspose2d and Linear, in the order of registration
  std::vector<std::string> warnings;  ///< one sentence each, obstacles among them
  /// Everything that could be trained, but not saved or deployed afterwards; empty if nothing stands in the way.
  std::vector<Obstacle> obstacles = {};
};

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
