// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/network.h"

#include <algorithm>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/simplified_config.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/float_source.h"
#include "octet/experiment/run/run_weights.h"
#include "octet/experiment/run/setup.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/nn/safetensors.h"
#include "octet/quant/qat_layers.h"

namespace octet::detail {
namespace {

SimplifiedConfig definition_of(const QuantizationSpec& spec) {
  switch (spec.definition.kind()) {
    case Document::Kind::kNull:
      return {};
    case Document::Kind::kString:
      return read_simplified_config(spec.definition.as_string());
    default:
      return parse_quant_document(spec.definition);
  }
}

Tensor sample(const Shape& input) {
  Shape shape = input;
  shape.insert(shape.begin(), 1);
  return Tensor::zeros(shape);
}

/// `deployable`: refuse what could not be deployed.
Network quantized(const Experiment& experiment, Module& float_module, const Shape& input, std::string quant_config,
                  const std::string& source, bool deployable) {
  QuantRetrainModel made = quant_retrain_model(
      quant_config, source, float_module, sample(input),
      {.quantize_shortcuts = experiment.quantization->quantize_shortcuts, .deployable = deployable});
  return {std::move(made.module), std::move(quant_config), std::move(made.report), made.force_fp16_quant};
}

}  // namespace

Network first_network(const Experiment& experiment, const Shape& input) {
  if (!experiment.quantization) return {initial_model(experiment)};
  const QuantizationSpec& spec = *experiment.quantization;
  const std::unique_ptr<Module> module = float_network(experiment);
  const std::string hash = weights_hash(*module);
  module->train();
  Network network;
  if (!spec.config.empty()) {
    network = quantized(experiment, *module, input, read_file(spec.config, DocumentLimits().max_bytes), spec.config,
                        spec.deploy);
  } else {
    QuantRetrainConfigText made = quant_retrain_config_text(*module, sample(input), definition_of(spec));
    network = quantized(experiment, *module, input, std::move(made.json), "quantization", spec.deploy);
    network.report = std::move(made.report);  // which also knows what was said of the definition
  }
  network.float_weights_sha256 = hash;
  return network;
}

Network network_of_make(const Experiment& experiment, const Shape& input, const std::string& quant_config,
                        const std::string& source) {
  std::unique_ptr<Module> module = initial_model(experiment);
  if (!experiment.quantization) return {std::move(module)};
  require(!quant_config.empty(), source, ": its header has no \"quant_config\", as those of quantized networks do");
  return quantized(experiment, *module, input, quant_config, source, false);  // it has been asked before
}

std::unique_ptr<Module> float_network(const Experiment& experiment) {
  require(experiment.quantization.has_value(), "experiment ", printable(experiment.name), ": has no quantization");
  require_float_weights(*experiment.quantization);
  const std::string& weights = experiment.quantization->weights;
  require(!safetensors::File::read(weights_file(weights)).metadata().contains("quant_config"),
          "quantization.weights: ", weights,
          " is a network that has been quantized already; name the float one that it was made from");
  std::unique_ptr<Module> module = initial_model(experiment);
  load_run_weights(*module, weights);
  module->eval();
  return module;
}

std::int64_t steps_of_search(Module& module) {
  std::int64_t steps = 0;
  module.visit([&](const std::string&, Module& layer) {
    const auto* const qat = dynamic_cast<const QatModule*>(&layer);
    if (qat && qat->config().retrain_enable && !qat->activation_quantizer().initialised())
      steps = std::max(steps, qat->config().retrain_data_config.batch_num);
  });
  return steps;
}

}  // namespace octet::detail
