// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/convert_model.h"

#include <map>
#include <utility>

#include "octet/base/error.h"
#include "octet/nn/activation_layers.h"
#include "octet/nn/norm_layers.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/qat_layers.h"

namespace octet {
namespace {

// Puts an Identity in the slot's place and returns what was there.
std::unique_ptr<Module> take_out(Child& slot) {
  auto identity = std::make_unique<Identity>();
  identity->train(slot.module().training());
  return slot.replace(std::move(identity));
}

}  // namespace

ModelConversion plan_model_conversion(Module& model, std::string_view config_text, std::string source,
                                      const Tensor& input) {
  const Graph graph = evaluation_trace(model, input);
  const std::vector<QuantizableLayer> layers = find_quantizable_layers(model, graph);
  std::vector<std::string> batch_norms;
  model.visit([&](const std::string& path, Module& module) {
    // Without running statistics there is nothing that a convolution could be folded with.
    const auto* const norm = dynamic_cast<const BatchNorm2d*>(&module);
    if (norm && norm->running_mean().defined()) batch_norms.push_back(path);
  });
  const QuantRetrainConfig config = parse_quant_retrain_config(config_text, std::move(source), layers);
  return {plan_conversion(graph, config, layers, batch_norms), config.force_fp16_quant, retrain_report(layers, config)};
}

std::unique_ptr<Module> convert_model(const Module& model, const ModelConversion& conversion, bool quantize_shortcuts) {
  std::unique_ptr<Module> converted = model.clone();
  std::map<std::string, QatModule*> made;
  for (const LayerConversion& layer : conversion.layers) {
    const bool takes_norm = !layer.batch_norm.empty();
    std::unique_ptr<Module> norm = takes_norm ? take_out(converted->slot(layer.batch_norm)) : nullptr;
    QatModule* const owner = layer.quantizer_owner == layer.name ? nullptr : made.at(layer.quantizer_owner);
    Child& slot = converted->slot(layer.name);
    const ContextScope scope(layer.name);
    std::unique_ptr<QatModule> qat = convert_layer(slot.module(), layer.config, std::move(norm), owner);
    made[layer.name] = qat.get();
    slot.replace(std::move(qat));
  }
  if (quantize_shortcuts)
    for (const LayerConversion& layer : conversion.layers)
      if (!layer.shortcut_slot.empty()) converted->slot(layer.shortcut_slot).set_input_filter(made.at(layer.name));
  return converted;
}

}  // namespace octet
