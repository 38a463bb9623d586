// SPDX-License-Identifier: Apache-2.0
// Models converted by a configuration file, trained and evaluated, against the reference implementation: outputs, the
// state of every layer, the record file, and the nodes and constants of the graphs that are deployed.
#include <gtest/gtest.h>
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
#include "octet/quant/deployed_graph.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/fake_quant_form.h"
#include "support/golden_model.h"
#include "support/golden_vectors.h"

namespace octet {
namespace {

using nlohmann::json;
using test::GoldenModel;
using test::GoldenReport;

// Relative to the largest value of a tensor. What four layers and a BatchNorm make of float32 roundings, in the order
// of additions that each implementation has.
constexpr double kTolerance = 2e-5;
// Integer biases are up to half a step of the sums off, which may move an input of the next layer across a tie.
constexpr double kEvaluationTolerance = 1e-3;

testing::AssertionResult agrees(const Tensor& ours, const json& golden, double tolerance = kTolerance) {
  const std::vector<double> expected = test::golden_doubles(golden);
  const std::vector<float> values = ours.to_vector();
  if (values.size() != expected.size())
    return testing::AssertionFailure() << values.size() << " values, not " << expected.size();
  double largest = 0.0;
  for (const double v : expected) largest = std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto result = test::near_sum(values[i], expected[i], largest, tolerance);
    if (!result) return testing::AssertionFailure() << "element " << i << ": " << result.message();
  }
  return testing::AssertionSuccess();
}

class Flow {
 public:
  Flow(GoldenReport& report, const json& wanted)
      : report_(report),
        wanted_(wanted),
        float_model_(wanted.at("model")),
        folder_(std::filesystem::path(testing::TempDir()) / ("golden_conversion_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    write_file_atomically(folder_ / "config.json", wanted.at("config_text").get<std::string>());
    const auto parameters = tensors_of(float_model_);
    for (const auto& [name, values] : wanted.at("initial_parameters").items())
      std::ranges::copy(test::golden_floats(values), Tensor(parameters.at(name)).mutable_values().begin());
    model_ = create_quant_retrain_model(folder_ / "config.json", float_model_, folder_ / "record.txt",
                                        test::golden_activation(wanted.at("eval_input")));
  }
  ~Flow() { std::filesystem::remove_all(folder_); }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  void run() {
    EXPECT_TRUE(quant_record(*model_).layers.empty());
    for (std::size_t i = 0; i < wanted_.at("train_steps").size(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i + 1));
      train(wanted_["train_steps"][i]);
    }
    model_->eval();
    const NoGrad no_grad;
    const Tensor y = (*model_)(test::golden_activation(wanted_.at("eval_input")));
    EXPECT_TRUE(agrees(y, wanted_.at("eval_output"), kEvaluationTolerance));
    if (!agrees(y, wanted_.at("eval_output"))) excepted_ += ". The evaluation output is that of integer biases";
    check_record();
    check_nodes(ascend_form(), wanted_.at("deploy_nodes"));
    check_nodes(fake_quant_form(), wanted_.at("fake_quant_nodes"));
    check_files();
    if (!excepted_.empty()) report_.except(excepted_);
  }

 private:
  static std::map<std::string, Tensor> tensors_of(Module& module) {
    std::map<std::string, Tensor> all;
    for (const NamedTensor& one : module.named_parameters()) all[one.name] = one.tensor;
    for (const NamedTensor& one : module.named_buffers()) all[one.name] = one.tensor;
    return all;
  }

  void train(const json& step) {
    const Tensor y = (*model_)(test::golden_activation(step.at("input")));
    EXPECT_TRUE(agrees(y, step.at("output"))) << "output";
    y.backward(test::golden_row_major(wanted_.at("grad_output")));
    SGD sgd(*model_, {.lr = wanted_.at("lr").get<double>(), .momentum = 0.0, .weight_decay = 0.0});
    sgd.step();
    sgd.zero_grad();
    for (const auto& [layer, state] : step.at("state_after").items()) check_layer(layer, state);
  }

  void check_layer(const std::string& layer, const json& state) {
    SCOPED_TRACE(layer);
    const auto tensors = tensors_of(*model_);
    for (const NamedCounter& counter : model_->named_counters()) {
      if (counter.name == layer + ".acts_initialised") {
        EXPECT_EQ(*counter.value == 0, state.at("do_init").get<bool>());
      }
    }
    for (const auto& [key, value] : state.items()) {
      if (key == "do_init" || value.is_null()) continue;
      if (key == "bn") {
        for (const auto& [name, values] : value.items())
          EXPECT_TRUE(agrees(tensors.at(layer + ".bn." + name), values)) << "bn." << name;
      } else if (key == "acts_clip_min" && wanted_.at("fixed_min").at(layer).get<bool>()) {
        EXPECT_EQ(tensors.at(layer + ".acts_clip_min").item(), 0.0F);
        excepted_ = "a fixed minimum gets no gradient and does not move (Q8); all else of the training agrees";
      } else {
        const std::string name = key == "acts_offset" ? "acts_offset_deploy" : key;
        EXPECT_TRUE(agrees(tensors.at(layer + '.' + name), value)) << key;
      }
    }
  }

  void check_record() {
    write_record_file(folder_ / "record.txt", quant_record(*model_));
    std::vector<std::string> layers;
    for (const auto& [name, unused] : wanted_.at("fixed_min").items()) layers.push_back(name);
    const QuantRecord golden = parse_record_text(wanted_.at("record_text").get<std::string>(), "golden", layers);
    const QuantRecord ours = read_record_file(folder_ / "record.txt", layers);
    ASSERT_EQ(ours.layers.size(), golden.layers.size());
    for (std::size_t i = 0; i < ours.layers.size(); ++i) {
      const QuantRecord::Layer &a = ours.layers[i], &b = golden.layers[i];
      SCOPED_TRACE("record of " + b.name);
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.offset_d, b.offset_d);
      EXPECT_EQ(a.act_type, b.act_type);
      EXPECT_EQ(a.wts_type, b.wts_type);
      EXPECT_NEAR(a.scale_d, b.scale_d, kTolerance * static_cast<double>(b.scale_d));
      ASSERT_EQ(a.scale_w.size(), b.scale_w.size());
      for (std::size_t k = 0; k < a.scale_w.size(); ++k)
        EXPECT_NEAR(a.scale_w[k], b.scale_w[k], kTolerance * static_cast<double>(b.scale_w[k]));
    }
  }

  // The ops of a graph by the names of ONNX.
  static std::string onnx_name(const std::string& op) {
    const std::map<std::string, std::string> names{{"ascend_quant", "AscendQuant"},
                                                   {"ascend_dequant", "AscendDequant"},
                                                   {"conv2d", "Conv"},
                                                   {"conv_transpose2d", "ConvTranspose"},
                                                   {"linear", "Gemm"},
                                                   {"relu", "Relu"},
                                                   {"flatten", "Flatten"},
                                                   {"mul", "Mul"},
                                                   {"round", "Round"},
                                                   {"add", "Add"},
                                                   {"clip", "Clip"},
                                                   {"sub", "Sub"}};
    return names.at(op);
  }

  // Integers, also those that are held as floats, may be one off where training came near a tie; all else has
  // training's tolerance, relative to each value, because scales are small. (In uint64 the bits of a scale: 256 of its
  // last places.)
  static void check_constant(const Value& value, const json& golden) {
    ASSERT_NE(value.data, nullptr);
    const std::string type = golden.at("dtype");
    const auto expected = golden.at("data").get<std::vector<double>>();
    const bool whole = std::ranges::all_of(expected, [](double v) { return std::rint(v) == v; });
    const auto compare = [&]<typename T>(const std::vector<T>& ours) {
      ASSERT_EQ(ours.size(), expected.size());
      std::size_t off = 0;
      for (std::size_t i = 0; i < ours.size(); ++i) {
        const auto v = static_cast<double>(ours[i]);
        const double relative = kTolerance * std::fabs(expected[i]);
        const double allowed = type == "uint64" ? 256.0 : whole ? std::max(1.0, relative) : relative;
        EXPECT_NEAR(v, expected[i], allowed) << type << " element " << i;
        off += v != expected[i];
      }
      if (type == "int8") {
        EXPECT_LE(off, 1 + ours.size() / 50) << "of " << ours.size() << " weights";
      }
    };
    std::visit(compare, *value.data);
  }

  void check_nodes(const QuantForm& form, const json& nodes) {
    const Graph trace = evaluation_trace(*model_, test::golden_activation(wanted_.at("eval_input")));
    const Graph graph = deployed_graph(trace, *model_, form, {}, false);
    ASSERT_EQ(graph.nodes.size(), nodes.size()) << graph.to_string();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      const std::string name = nodes[i].at("name");
      SCOPED_TRACE(name);
      EXPECT_EQ(onnx_name(node.op), nodes[i].at("op_type").get<std::string>());
      const bool ours_to_name = node.op == "relu" || node.op == "flatten" || !model_has(name);
      if (!ours_to_name) {
        EXPECT_EQ(graph.values[static_cast<std::size_t>(node.output)].name, name);
      }
      if (node.op == "clip") continue;  // its bounds are attributes here
      for (const auto& [position, constant] : nodes[i].at("constant_inputs").items())
        check_constant(graph.values[static_cast<std::size_t>(node.inputs.at(std::stoul(position)))], constant);
    }
  }

  // A node that the quantization made, or a quantized layer.
  bool model_has(const std::string& name) const {
    return name.find(".quant") != std::string::npos || name.find("dequant") != std::string::npos ||
           wanted_.at("fixed_min").contains(name);
  }

  void check_files() {
    const SavedModels saved =
        save_quant_retrain_model(folder_ / "config.json", *model_, folder_ / "record.txt", folder_ / "out" / "m",
                                 test::golden_activation(wanted_.at("eval_input")), {.format = DeployFormat::kAscend});
    const std::vector<std::string> files = wanted_.at("files");
    EXPECT_EQ(saved.deploy.filename(), files[0]);
    EXPECT_EQ(saved.fake_quant.filename(), files[1]);
    EXPECT_TRUE(std::filesystem::exists(saved.deploy));
    EXPECT_TRUE(std::filesystem::exists(saved.fake_quant));
  }

  GoldenReport& report_;
  const json& wanted_;
  GoldenModel float_model_;
  std::unique_ptr<Module> model_;
  std::filesystem::path folder_;
  std::string excepted_;
};

TEST(QuantGolden, ConvertedModelsTrainAlike) {
  const json file = test::load_golden_vectors("config_flow.json");
  GoldenReport report("config_flow.json (training, record, deployed graphs)");
  for (const json& wanted : file.at("cases"))
    report.run(wanted.at("id").get<std::string>(), [&] { Flow(report, wanted).run(); });
}

}  // namespace
}  // namespace octet
