// SPDX-License-Identifier: Apache-2.0
// From a retrained model to the files that are deployed.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "octet/autograd/tensor.h"
#include "octet/nn/module.h"

namespace octet {

/// kQdq: standard ONNX, QuantizeLinear and DequantizeLinear, uint8 activations (the offset plus 128), int8 weights,
/// int32 biases; runs in octet::deploy, ONNX Runtime and others. kAscend: AscendQuant and AscendDequant, as Huawei's
/// AMCT writes them.
enum class DeployFormat { kQdq, kAscend };

struct SaveOptions {
  DeployFormat format = DeployFormat::kQdq;
  std::string input_name = "input";
  std::string output_name = "";                      ///< default: the name of the node that computes it
  std::map<std::string, std::string> metadata = {};  ///< what both files say about the network, in their metadata_props
};

struct SavedModels {
  std::filesystem::path deploy, fake_quant;
};

/// Writes what evaluation of `model` computes, its BatchNorms folded, as <save_path>_deploy_model.onnx and
/// <save_path>_fake_quant_model.onnx (if save_path ends in a slash or is empty: deploy_model.onnx and
/// fake_quant_model.onnx in that folder), for any batch size, and the scales into `record_file`. The fake-quant model
/// has float operators only, with whole numbers for weights and quantized activations. `input_data` is only traced.
/// Each file is replaced as a whole or not at all. Throws Error if the model is not one that `config_file` makes, if
/// its clips have not been found yet, for what a file cannot hold (ops that ONNX does not know, 16-bit activations, in
/// kAscend shortcuts that read quantized values), and if training moved parameters that the output does not depend on:
/// a head whose result forward() keeps instead of returning it.
SavedModels save_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                     const std::filesystem::path& record_file, const std::filesystem::path& save_path,
                                     const Tensor& input_data, const SaveOptions& options = {});

}  // namespace octet
