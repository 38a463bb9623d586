// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/create_quant_retrain_model.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"
#include "octet/nn/activation_layers.h"
#include "octet/nn/norm_layers.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"
#include "octet/quant/conversion_plan.h"
#include "octet/quant/deployment_obstacles.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/retrain_report.h"

namespace octet {
namespace {

struct Plan {
  std::vector<LayerConversion> layers;
  bool force_fp16_quant;
  QuantRetrainReport report;
};

Plan plan_for(Module& model, std::string_view config_text, std::string source, const Tensor& input) {
  require(input.defined(), "create_quant_retrain_model: input_data is undefined");
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

Plan plan_for(Module& model, const std::filesystem::path& config_file, const Tensor& input) {
  return plan_for(model, read_file(config_file, DocumentLimits().max_bytes), config_file.string(), input);
}

// Puts an Identity in the slot's place and returns what was there.
std::unique_ptr<Module> take_out(Child& slot) {
  auto identity = std::make_unique<Identity>();
  identity->train(slot.module().training());
  return slot.replace(std::move(identity));
}

std::unique_ptr<Module> convert(const Module& model, const Plan& plan, const QuantRetrainOptions& options) {
  std::unique_ptr<Module> converted = model.clone();
  std::map<std::string, QatModule*> made;
  for (const LayerConversion& layer : plan.layers) {
    const bool takes_norm = !layer.batch_norm.empty();
    std::unique_ptr<Module> norm = takes_norm ? take_out(converted->slot(layer.batch_norm)) : nullptr;
    QatModule* const owner = layer.quantizer_owner == layer.name ? nullptr : made.at(layer.quantizer_owner);
    Child& slot = converted->slot(layer.name);
    const ContextScope scope(layer.name);
    std::unique_ptr<QatModule> qat = convert_layer(slot.module(), layer.config, std::move(norm), owner);
    made[layer.name] = qat.get();
    slot.replace(std::move(qat));
  }
  if (options.quantize_shortcuts)
    for (const LayerConversion& layer : plan.layers)
      if (!layer.shortcut_slot.empty()) converted->slot(layer.shortcut_slot).set_input_filter(made.at(layer.name));
  return converted;
}

// Before anything is trained. A conversion of its own is looked at, because that gives it clips.
void require_deployable(const Module& model, const Plan& plan, const Tensor& input,
                        const QuantRetrainOptions& options) {
  if (!options.deployable) return;
  const Obstacles found = deployment_obstacles(*convert(model, plan, options), input, plan.force_fp16_quant);
  require(found.empty(), "create_quant_retrain_model: the model can be trained, but not deployed:", in_lines(found),
          "\nto train it all the same, set QuantRetrainOptions::deployable to false (octet retrain --no-deploy)");
}

void load_checkpoint(Module& model, const std::filesystem::path& checkpoint, const std::string& sub_key) {
  const std::vector<safetensors::Entry> stored = safetensors::File::read(checkpoint).entries();
  std::string prefix = sub_key.empty() ? "" : sub_key + '.';
  std::vector<std::string> names;
  for (const safetensors::Entry& entry : stored)
    if (entry.name.starts_with(prefix)) names.push_back(entry.name);
  require(!names.empty(), checkpoint.string(), ": no tensor's name starts with ", in_quotes(prefix));
  // What a wrapper of the whole model puts before each name.
  const std::string wrapped = prefix + "module.";
  if (std::ranges::all_of(names, [&](const std::string& name) { return name.starts_with(wrapped); })) prefix = wrapped;

  std::vector<StateEntry> entries = named_weights(model);
  for (StateEntry& entry : entries) entry.name = prefix + entry.name;
  const LoadReport report = load_state(checkpoint, entries, {.strict = false});
  std::string misfits;
  for (const std::string& one : report.missing) misfits += "\n  missing: " + one;
  for (const std::string& one : report.mismatched) misfits += "\n  of another shape or type: " + one;
  for (const std::string& one : report.unexpected)
    if (one.starts_with(prefix)) misfits += "\n  not in the model: " + one;
  require(misfits.empty(), checkpoint.string(), ": does not fit the converted model:", misfits);
}

}  // namespace

QuantRecord quant_record(Module& model, bool force_fp16_quant) {
  const FloatEnvironment numbers;
  QuantRecord record;
  model.visit([&](const std::string& path, Module& module) {
    const auto* const qat = dynamic_cast<const QatModule*>(&module);
    if (!qat || !qat->config().retrain_enable || !qat->activation_quantizer().initialised()) return;
    const ContextScope scope(path);
    const RetrainConfig& config = qat->config();
    const ScaleOffset grid = qat->input_grid().grid;
    const float scale_d = force_fp16_quant ? fp16_scale(grid.scale) : grid.scale;
    std::vector<float> scales = qat->integers(scale_d).scales;
    if (one_scale(*qat, scales)) scales.resize(1);
    record.layers.push_back({.name = path,
                             .scale_d = scale_d,
                             .offset_d = grid.offset,
                             .scale_w = std::move(scales),
                             .act_type = config.retrain_data_config.dst_type,
                             .wts_type = config.retrain_weight_config.dst_type,
                             .force_fp16_quant = force_fp16_quant});
  });
  return record;
}

std::unique_ptr<Module> create_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                   const std::filesystem::path& record_file, const Tensor& input_data,
                                                   const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  const Plan plan = plan_for(model, config_file, input_data);
  require_deployable(model, plan, input_data, options);
  std::unique_ptr<Module> converted = convert(model, plan, options);
  write_record_file(record_file, {});
  return converted;
}

QuantRetrainModel quant_retrain_model(std::string_view config, std::string source, Module& model,
                                      const Tensor& input_data, const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  Plan plan = plan_for(model, config, std::move(source), input_data);
  require_deployable(model, plan, input_data, options);
  return {convert(model, plan, options), plan.force_fp16_quant, std::move(plan.report)};
}

std::unique_ptr<Module> restore_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                    const std::filesystem::path& record_file, const Tensor& input_data,
                                                    const std::filesystem::path& checkpoint, const std::string& sub_key,
                                                    const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  const Plan plan = plan_for(model, config_file, input_data);
  std::unique_ptr<Module> converted = convert(model, plan, options);
  load_checkpoint(*converted, checkpoint, sub_key);
  write_record_file(record_file, quant_record(*converted, plan.force_fp16_quant));
  return converted;
}

}  // namespace octet
