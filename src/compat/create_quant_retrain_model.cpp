// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/create_quant_retrain_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/compat/ascend_form.h"
#include "octet/config/document.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"
#include "octet/quant/convert_model.h"
#include "octet/quant/deployment_obstacles.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/qdq_form.h"

namespace octet {
namespace {

// Before anything is trained. A conversion of its own is looked at, because that gives it clips.
void require_deployable(const Module& model, const ModelConversion& conversion, const Tensor& input,
                        const QuantRetrainOptions& options) {
  if (!options.deployable) return;
  const bool halves = conversion.force_fp16_quant;
  const std::unique_ptr<Module> trial = convert_model(model, conversion, options.quantize_shortcuts);
  const Obstacles found = deployment_obstacles(*trial, input, halves ? ascend_form() : qdq_form(), halves);
  require(found.empty(), "create_quant_retrain_model: the model can be trained, but not deployed:", in_lines(found),
          "\nto train it all the same, set QuantRetrainOptions::deployable to false (octet retrain --no-deploy)");
}

QuantRetrainModel model_by_file(const std::filesystem::path& config_file, Module& model, const Tensor& input,
                                const QuantRetrainOptions& options) {
  return quant_retrain_model(read_file(config_file, DocumentLimits().max_bytes), config_file.string(), model, input,
                             options);
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

QuantRetrainModel quant_retrain_model(std::string_view config, std::string source, Module& model,
                                      const Tensor& input_data, const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  require(input_data.defined(), "create_quant_retrain_model: input_data is undefined");
  ModelConversion conversion = plan_model_conversion(model, config, std::move(source), input_data);
  require_deployable(model, conversion, input_data, options);
  return {convert_model(model, conversion, options.quantize_shortcuts), conversion.force_fp16_quant,
          std::move(conversion.report)};
}

std::unique_ptr<Module> create_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                   const std::filesystem::path& record_file, const Tensor& input_data,
                                                   const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  std::unique_ptr<Module> converted = model_by_file(config_file, model, input_data, options).module;
  write_record_file(record_file, {});
  return converted;
}

std::unique_ptr<Module> restore_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                                    const std::filesystem::path& record_file, const Tensor& input_data,
                                                    const std::filesystem::path& checkpoint, const std::string& sub_key,
                                                    const QuantRetrainOptions& options) {
  const FloatEnvironment numbers;
  QuantRetrainModel converted =
      model_by_file(config_file, model, input_data,
                    {.quantize_shortcuts = options.quantize_shortcuts, .deployable = false});  // it was asked before
  load_checkpoint(*converted.module, checkpoint, sub_key);
  write_record_file(record_file, quant_record(*converted.module, converted.force_fp16_quant));
  return std::move(converted.module);
}

}  // namespace octet
