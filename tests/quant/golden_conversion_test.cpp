// SPDX-License-Identifier: Apache-2.0
// Models converted by a configuration file, trained and evaluated, against the reference implementation: outputs, the
// state of every layer, the record file, and the nodes and constants of the graphs that are deployed.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/ascend_form.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/nn/optim.h"
#include "octet/quant/qat_layers.h"
#include "support/golden_model.h"
#include "support/golden_vectors.h"
#include "support/onnx_nodes.h"

namespace octet {
namespace {

using test::Golden;
using test::golden_floats;
using test::GoldenModel;
using test::GoldenReport;

// Relative to the largest value of a tensor. What four layers and a BatchNorm make of float32 roundings, in the order
// of additions that each implementation has.
constexpr double kTolerance = 1e-5;
// Integer biases are up to half a step of the sums off, which may move an input of the next layer across a tie.
constexpr double kEvaluationTolerance = 5e-4;

testing::AssertionResult agrees(const Tensor& ours, const Golden& golden) {
  return test::agrees(ours, golden, kTolerance);
}

onnx::GraphProto read_graph(const std::filesystem::path& path) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(read_file(path, 1 << 24))) << path;
  return model.graph();
}

class Flow {
 public:
  Flow(GoldenReport& report, const Golden& wanted)
      : report_(report),
        wanted_(wanted),
        float_model_(wanted.at("model").whole()),
        eval_input_(test::golden_activation(wanted.at("eval_input"))),
        folder_(std::filesystem::path(testing::TempDir()) / ("golden_conversion_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    write_file_atomically(folder_ / "config.json", wanted.at("config_text").get<std::string>());
    const auto parameters = tensors_of(float_model_);
    for (const auto& [name, values] : wanted.at("initial_parameters").fields()) {
      EXPECT_TRUE(test::equal_shapes(parameters.at(name), values)) << name;
      std::ranges::copy(golden_floats(values), Tensor(parameters.at(name)).mutable_values().begin());
    }
    model_ = create_quant_retrain_model(folder_ / "config.json", float_model_, folder_ / "record.txt", eval_input_);
  }
  ~Flow() { std::filesystem::remove_all(folder_); }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  void run() {
    EXPECT_TRUE(quant_record(*model_).layers.empty());
    check_fixed_min();
    for (const Golden& step : wanted_.at("train_steps").elements()) {
      SCOPED_TRACE(step.path());
      train(step);
    }
    evaluate();
    check_record();
    check_files();
  }

 private:
  static std::map<std::string, Tensor> tensors_of(Module& module) {
    std::map<std::string, Tensor> all;
    for (const NamedTensor& one : module.named_parameters()) all[one.name] = one.tensor;
    for (const NamedTensor& one : module.named_buffers()) all[one.name] = one.tensor;
    return all;
  }

  void check_fixed_min() {
    std::map<std::string, bool> ours;
    model_->visit([&](const std::string& path, Module& module) {
      if (const auto* const qat = dynamic_cast<const QatModule*>(&module))
        ours[path] = qat->config().retrain_data_config.fixed_min;
    });
    fixed_min_ = wanted_.at("fixed_min").get<std::map<std::string, bool>>();
    EXPECT_EQ(ours, fixed_min_);
  }

  void train(const Golden& step) {
    const Tensor y = (*model_)(test::golden_activation(step.at("input")));
    EXPECT_TRUE(agrees(y, step.at("output")));
    y.backward(test::golden_like(y, wanted_.at("grad_output")));
    SGD sgd(*model_, {.lr = wanted_.at("lr").get<double>(), .momentum = 0.0, .weight_decay = 0.0});
    sgd.step();
    sgd.zero_grad();
    for (const auto& [layer, state] : step.at("state_after").fields()) check_layer(layer, state, /*moved=*/true);
  }

  void evaluate() {
    model_->eval();
    const NoGrad no_grad;
    const Tensor y = (*model_)(eval_input_);
    EXPECT_TRUE(test::agrees(y, wanted_.at("eval_output"), kEvaluationTolerance));
    if (!agrees(y, wanted_.at("eval_output"))) report_.except("integer biases");
    report_.except("evaluation");
    for (const auto& [layer, state] : wanted_.at("state_after_eval").fields()) {
      const QatModule& qat = dynamic_cast<const QatModule&>(model_->at(layer));
      check_layer(layer, state, false, used_in_evaluation(qat));
    }
  }

  // What evaluation computes for itself and does not store, by the names of the state.
  static std::map<std::string, Tensor> used_in_evaluation(const QatModule& qat) {
    const ScaleOffset grid = qat.input_grid().grid;
    const RetrainWeightConfig& config = qat.config().retrain_weight_config;
    Tensor scales = qat.weight_quantizer().stored_scales();
    if (!qat.weight_quantizer().learns()) {
      const std::vector<float> found =
          arq_scales("Test", qat.weight(), qat.weight_view(), config.channel_wise.value(), bits_of(config.dst_type));
      scales = Tensor::from_values(scales.shape(), found);
    }
    return {{"acts_scale", Tensor::scalar(grid.scale)},
            {"acts_offset", Tensor::scalar(static_cast<float>(grid.offset))},
            {"wts_scales", scales}};
  }

  // `moved`: by an optimizer; a forward resets a minimum that is fixed. `instead`: what is not in the layer's state.
  void check_layer(const std::string& layer, const Golden& state, bool moved,
                   const std::map<std::string, Tensor>& instead = {}) {
    SCOPED_TRACE(layer);
    const auto tensors = tensors_of(*model_);
    const auto find = [&](const std::string& name) {
      if (instead.contains(name)) return instead.at(name);
      const auto found = tensors.find(layer + '.' + name);
      return found == tensors.end() ? Tensor() : found->second;
    };
    for (const auto& [key, value] : state.fields()) {
      if (key == "do_init") {
        EXPECT_EQ(counter(layer + ".acts_initialised") == 0, value.get<bool>());
      } else if (key == "bn") {
        for (const auto& [name, values] : value.fields()) EXPECT_TRUE(agrees(find("bn." + name), values));
      } else if (key == "acts_clip_min" && fixed_min_.at(layer) && moved) {
        EXPECT_EQ(find(key).item(), 0.0F);
        report_.except("fixed minimum", "all else of the training agrees");
      } else {
        const bool deployed = key == "acts_offset" && !instead.contains(key);
        EXPECT_TRUE(agrees(find(deployed ? "acts_offset_deploy" : key), value));
      }
    }
  }

  std::int64_t counter(const std::string& name) const {
    for (const NamedCounter& counter : model_->named_counters())
      if (counter.name == name) return *counter.value;
    ADD_FAILURE() << "there is no counter " << name;
    return -1;
  }

  void check_record() {
    write_record_file(folder_ / "record.txt", quant_record(*model_));
    std::vector<std::string> layers;
    for (const auto& [name, unused] : fixed_min_) layers.push_back(name);
    const std::string text = wanted_.at("record_text").get<std::string>();
    const QuantRecord golden = parse_record_text(text, "golden", layers);
    EXPECT_EQ(to_record_text(golden), text);
    QuantRecord ours = read_record_file(folder_ / "record.txt", layers);
    ASSERT_EQ(ours.layers.size(), golden.layers.size());
    for (std::size_t i = 0; i < ours.layers.size(); ++i) {
      QuantRecord::Layer& a = ours.layers[i];
      const QuantRecord::Layer& b = golden.layers[i];
      SCOPED_TRACE("record of " + b.name);
      EXPECT_NEAR(a.scale_d, b.scale_d, kTolerance * static_cast<double>(b.scale_d));
      ASSERT_EQ(a.scale_w.size(), b.scale_w.size());
      for (std::size_t k = 0; k < a.scale_w.size(); ++k)
        EXPECT_NEAR(a.scale_w[k], b.scale_w[k], kTolerance * static_cast<double>(b.scale_w[k]));
      a.scale_d = b.scale_d;
      a.scale_w = b.scale_w;
      EXPECT_EQ(a, b) << "all but the scales, which are near each other";
    }
  }

  void check_files() {
    const SavedModels saved =
        save_quant_retrain_model(folder_ / "config.json", *model_, folder_ / "record.txt", folder_ / "out" / "m",
                                 eval_input_, {.format = DeployFormat::kAscend});
    const auto files = wanted_.at("files").get<std::vector<std::string>>();
    EXPECT_EQ((std::vector<std::string>{saved.deploy.filename(), saved.fake_quant.filename()}), files);
    check_nodes(read_graph(saved.deploy), wanted_.at("deploy_nodes"));
    check_nodes(read_graph(saved.fake_quant), wanted_.at("fake_quant_nodes"));
  }

  void check_nodes(const onnx::GraphProto& graph, const Golden& nodes) {
    std::map<std::string, const onnx::TensorProto*> constants;
    for (const onnx::TensorProto& one : graph.initializer()) constants[one.name()] = &one;
    ASSERT_EQ(static_cast<std::size_t>(graph.node_size()), nodes.size()) << graph.ShortDebugString().substr(0, 2000);
    for (int i = 0; i < graph.node_size(); ++i) {
      const Golden golden = nodes.at(static_cast<std::size_t>(i));
      const std::string name = golden.at("name").get<std::string>();
      SCOPED_TRACE(golden.path() + ", " + name);
      EXPECT_EQ(graph.node(i).op_type(), golden.at("op_type").get<std::string>());
      if (is_named(name))
        EXPECT_EQ(graph.node(i).output(0), name);
      else
        report_.except("names");
      check_attributes(graph.node(i), golden.at("attributes"));
      check_constants(graph.node(i), constants, golden.at("constant_inputs"));
    }
  }

  // A node that the quantization made, or a quantized layer.
  bool is_named(const std::string& name) const {
    return name.find(".quant") != std::string::npos || name.find("dequant") != std::string::npos ||
           fixed_min_.contains(name);
  }

  static void check_attributes(const onnx::NodeProto& node, const Golden& golden) {
    std::map<std::string, nlohmann::json> ours = test::onnx_attributes(node);
    for (const auto& [key, value] : golden.fields()) {
      const nlohmann::json expected = nlohmann::json::parse(value.whole().dump());
      if (node.op_type() == "AscendQuant" && key == "scale") {
        EXPECT_NEAR(ours["scale"].get<double>(), expected.get<double>(), kTolerance * expected.get<double>());
      } else {
        EXPECT_EQ(ours[key], expected) << key;
      }
      ours.erase(key);
    }
    const std::map<std::string, nlohmann::json> defaults = test::onnx_defaults(node.op_type());
    for (const auto& [key, value] : ours) {  // what the reference leaves out
      EXPECT_TRUE(defaults.contains(key) && defaults.at(key) == value) << key << ": " << value;
    }
  }

  static void check_constants(const onnx::NodeProto& node, std::map<std::string, const onnx::TensorProto*>& constants,
                              const Golden& golden) {
    for (int position = 0; position < node.input_size(); ++position) {
      SCOPED_TRACE("input " + std::to_string(position));
      const bool constant = constants.contains(node.input(position));
      const std::string key = std::to_string(position);
      EXPECT_EQ(constant, golden.contains(key));
      if (constant && golden.contains(key)) check_constant(*constants[node.input(position)], golden.at(key));
    }
  }

  // Of a tensor of integers, also of those that are held as floats, one may be one off, where training came near a tie;
  // all else has training's tolerance, relative to each value, because scales are small. (In uint64 lie the bits of a
  // scale: that many of its last places.)
  static void check_constant(const onnx::TensorProto& ours, const Golden& golden) {
    const std::string type = golden.peek().at("dtype").get<std::string>();
    EXPECT_EQ(test::onnx_type_name(ours.data_type()), type);
    EXPECT_EQ(Shape(ours.dims().begin(), ours.dims().end()), test::golden_shape(golden));
    const std::vector<double> values = test::onnx_values(ours), expected = test::golden_doubles(golden);
    ASSERT_EQ(values.size(), expected.size());
    const bool whole = std::ranges::all_of(expected, [](double v) { return std::rint(v) == v; });
    int off = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double relative = kTolerance * std::fabs(expected[i]);
      const double allowed = type == "uint64" ? kTolerance * 0x1p23 : whole ? std::max(1.0, relative) : relative;
      EXPECT_NEAR(values[i], expected[i], allowed) << type << " element " << i;
      off += values[i] != expected[i];
    }
    if (whole && type != "uint64") {
      EXPECT_LE(off, 1) << "of " << values.size();
    }
  }

  GoldenReport& report_;
  const Golden wanted_;
  GoldenModel float_model_;
  Tensor eval_input_;
  std::filesystem::path folder_;
  std::unique_ptr<Module> model_;
  std::map<std::string, bool> fixed_min_;
};

TEST(QuantGolden, ConvertedModelsTrainAlike) {
  GoldenReport report("config_flow.json");
  report.each("cases", [&](const Golden& wanted) { Flow(report, wanted).run(); });
}

}  // namespace
}  // namespace octet
