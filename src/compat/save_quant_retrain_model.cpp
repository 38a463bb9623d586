// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/save_quant_retrain_model.h"

#include <map>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/compat/ascend_form.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/graph/live_nodes.h"
#include "octet/graph/onnx_writer.h"
#include "octet/nn/lost_parameters.h"
#include "octet/quant/deployed_graph.h"
#include "octet/quant/deployment_obstacles.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/fake_quant_form.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/qdq_form.h"
#include "octet/quant/quant_retrain_config.h"

namespace octet {
namespace {

constexpr const char* kOp = "save_quant_retrain_model: ";
constexpr std::string_view kSuffix = "QAT";

// The layers of a converted model as the configuration knows them.
std::vector<QuantizableLayer> layers_of(Module& model) {
  std::vector<QuantizableLayer> layers;
  model.visit([&](const std::string& path, Module& module) {
    std::string type = module.type_name();
    if (dynamic_cast<const QatModule*>(&module)) type.resize(type.size() - kSuffix.size());
    if (type == "Conv2d" || type == "ConvTranspose2d" || type == "Linear") layers.push_back({path, type});
  });
  return layers;
}

bool fits(const RetrainConfig& made, const LayerRetrainConfig& written, std::int64_t batch_num) {
  const RetrainDataConfig& data = made.retrain_data_config;
  const RetrainWeightConfig& weight = made.retrain_weight_config;
  return made.retrain_enable && data.dst_type == written.data.dst_type && data.batch_num == batch_num &&
         data.clip_max == written.data.clip_max && data.clip_min == written.data.clip_min &&
         data.fixed_min == written.data.fixed_min.value_or(data.fixed_min) &&
         weight.dst_type == written.weight.dst_type && weight.weights_retrain_algo == written.weight.algo &&
         weight.channel_wise == written.weight.channel_wise;
}

// The model must be the one that the configuration makes: what was edited after conversion says nothing about it.
void check_conversion(Module& model, const QuantRetrainConfig& config, const std::filesystem::path& config_file) {
  std::map<std::string, const QatModule*> converted;
  model.visit([&](const std::string& path, Module& module) {
    if (const auto* const qat = dynamic_cast<const QatModule*>(&module)) converted.emplace(path, qat);
  });
  require(!converted.empty(), kOp, "the model has no quantized layers; create_quant_retrain_model() makes them");
  for (const LayerRetrainConfig& layer : config.layers) {
    const auto found = converted.find(layer.name);
    require(layer.retrain_enable == (found != converted.end()), kOp, "layer ", printable(layer.name), " is ",
            layer.retrain_enable ? "enabled" : "disabled", " in ", config_file.string(), " but ",
            layer.retrain_enable ? "not " : "", "quantized in the model");
    require(!layer.retrain_enable || fits(found->second->config(), layer, config.batch_num), kOp, "layer ",
            printable(layer.name), " was converted with other settings than those in ", config_file.string());
  }
}

// A file without a part of what was trained would say nothing about it.
void require_all_saved(Module& model, const Tensor& input, const Graph& trace) {
  std::string names;
  for (const std::string& name : lost_parameters_of(model, input, trace)) names += (names.empty() ? "" : ", ") + name;
  require(names.empty(), kOp,
          "the output does not depend on parameters that training moved, so that the file would lack "
          "them: ",
          names, " (", kLostParametersHint, ")");
}

std::filesystem::path with_prefix(const std::filesystem::path& prefix, const std::string& name) {
  return prefix.has_filename() ? prefix.parent_path() / (prefix.filename().string() + '_' + name) : prefix / name;
}

}  // namespace

SavedModels save_quant_retrain_model(const std::filesystem::path& config_file, Module& model,
                                     const std::filesystem::path& record_file, const std::filesystem::path& save_path,
                                     const Tensor& input_data, const SaveOptions& options) {
  const FloatEnvironment numbers;
  require(input_data.defined(), kOp, "input_data is undefined");
  const QuantRetrainConfig config = read_quant_retrain_config(config_file, layers_of(model));
  check_conversion(model, config, config_file);
  const bool ascend = options.format == DeployFormat::kAscend;
  require(ascend || !config.force_fp16_quant, kOp,
          "fakequant_precision_mode FORCE_FP16_QUANT is for the format ascend; QDQ models compute in float32");

  Graph trace = evaluation_trace(model, input_data);
  require_all_saved(model, input_data, trace);
  trace = live_nodes(std::move(trace));
  const GraphNames names{options.input_name, options.output_name};
  const auto file_in = [&](const QuantForm& form) {
    Graph graph = deployed_graph(trace, model, form, names, config.force_fp16_quant);
    graph.metadata = options.metadata;
    return write_onnx(graph);
  };
  const std::string deploy = file_in(ascend ? ascend_form() : qdq_form());
  const std::string fake_quant = file_in(fake_quant_form());

  SavedModels saved{with_prefix(save_path, "deploy_model.onnx"), with_prefix(save_path, "fake_quant_model.onnx")};
  make_parent_folders(saved.deploy);
  write_file_atomically(saved.deploy, deploy);
  write_file_atomically(saved.fake_quant, fake_quant);
  write_record_file(record_file, quant_record(model, config.force_fp16_quant));
  return saved;
}

}  // namespace octet
