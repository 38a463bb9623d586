// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/create_quant_retrain_config.h"

#include <algorithm>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/compat/ascend_form.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/simplified_config.h"
#include "octet/nn/module.h"
#include "octet/quant/deployment_obstacles.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/qdq_form.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {
namespace {

void require_any(const std::vector<QuantizableLayer>& layers) {
  if (std::ranges::any_of(layers, [](const QuantizableLayer& layer) { return layer.obstacle.empty(); })) return;
  std::string reasons;
  for (const QuantizableLayer& layer : layers)
    reasons += (reasons.empty() ? " (" : "; ") + in_quotes(layer.name) + ": " + layer.obstacle;
  fail("create_quant_retrain_config: the model has no layer that can be quantized", reasons,
       reasons.empty() ? "" : ")");
}

void add_obstacles(QuantRetrainConfigText& made, Module& model, const Tensor& input_data) {
  try {
    const QuantRetrainModel converted =
        quant_retrain_model(made.json, "the configuration", model, input_data, {.deployable = false});
    const bool halves = converted.force_fp16_quant;
    made.report.obstacles =
        deployment_obstacles(*converted.module, input_data, halves ? ascend_form() : qdq_form(), halves);
  } catch (const Error& error) {  // a class without clone(), say
    made.report.obstacles = {{.node = {}, .op = {}, .why = error.what()}};
  }
  for (const Obstacle& obstacle : made.report.obstacles)
    made.report.warnings.push_back("cannot be deployed: " + to_text(obstacle));
}

}  // namespace

QuantRetrainReport create_quant_retrain_config(const std::filesystem::path& config_file, Module& model,
                                               const Tensor& input_data,
                                               const std::optional<std::filesystem::path>& config_definition) {
  QuantRetrainConfigText made = quant_retrain_config_text(
      model, input_data, config_definition ? read_simplified_config(*config_definition) : SimplifiedConfig());
  make_parent_folders(config_file);
  write_file_atomically(config_file, made.json);
  add_obstacles(made, model, input_data);
  return made.report;
}

QuantRetrainConfigText quant_retrain_config_text(Module& model, const Tensor& input_data,
                                                 const SimplifiedConfig& definition) {
  const FloatEnvironment numbers;
  require(input_data.defined(), "create_quant_retrain_config: input_data is undefined");
  const std::vector<QuantizableLayer> layers = find_quantizable_layers(model, evaluation_trace(model, input_data));
  require_any(layers);
  std::vector<std::string> warnings;
  const QuantRetrainConfig config = apply_simplified_config(definition, layers, warnings);
  QuantRetrainReport report = retrain_report(layers, config);
  report.warnings.insert(report.warnings.begin(), warnings.begin(), warnings.end());
  return {to_json_text(config), std::move(report)};
}

}  // namespace octet
