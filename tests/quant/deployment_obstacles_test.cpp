// SPDX-License-Identifier: Apache-2.0
// What trains can be deployed, with the bits of evaluation, or is refused before it is trained, all of it by name.
#include "octet/quant/deployment_obstacles.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/sequential.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using Op = std::function<Tensor(const Tensor&)>;

// A quantized convolution [4, 6, 6] and then an op, or more.
class Through final : public Module {
 public:
  explicit Through(Op op)
      : conv_(add<Conv2d>("conv", {.in_channels = 2, .out_channels = 4, .kernel_size = 3}, rng_)), op_(std::move(op)) {}
  Tensor forward(const Tensor& x) override { return op_(conv_(x)); }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<Through>(op_)); }

 private:
  Rng rng_ = Rng(3);
  Child& conv_;
  Op op_;
};

const Tensor kSample = Tensor::zeros({1, 2, 8, 8});

Tensor random_batch(std::int64_t n) {
  Rng rng(9);
  Tensor x = Tensor::empty({n, 2, 8, 8});
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

class DeploymentObstacles : public testing::Test {
 protected:
  DeploymentObstacles()
      : folder_(fs::path(testing::TempDir()) / ("obstacles_" + std::to_string(getpid()))),
        config_(folder_ / "config.json"),
        record_(folder_ / "record.txt") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~DeploymentObstacles() override { fs::remove_all(folder_); }

  QuantRetrainReport report(Module& net, const std::string& definition = "") {
    if (definition.empty()) return create_quant_retrain_config(config_, net, kSample);
    write_file_atomically(folder_ / "quant.yaml", definition);
    return create_quant_retrain_config(config_, net, kSample, folder_ / "quant.yaml");
  }
  std::unique_ptr<Module> converted(Module& net, const QuantRetrainOptions& options = {}) {
    return create_quant_retrain_model(config_, net, record_, kSample, options);
  }
  static void train(Module& net) {
    net.train();
    sum(net(random_batch(4))).backward();
  }
  std::string save_error(Module& net) {
    return error_text([&] { save_quant_retrain_model(config_, net, record_, folder_ / "net", kSample); });
  }
  // How many values of the deployed network differ from evaluation.
  std::size_t differing_bits(Module& net) {
    const SavedModels saved = save_quant_retrain_model(config_, net, record_, folder_ / "net", kSample);
    const Tensor x = random_batch(3);
    net.eval();
    const NoGrad no_grad;
    const std::vector<float> expected = net(x).to_vector();
    const std::vector<float> actual = deploy::Model::load(saved.deploy).run(x.to_vector(), 3);
    std::size_t differing = actual.size() == expected.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) differing += actual[i] != expected[i];
    return differing;
  }

  fs::path folder_, config_, record_;
};

struct Case {
  const char* op;  // that must be named, if it is refused
  Op run;
};

// Every op of ops.h that takes images or what comes of them, and options that files have no place for.
std::vector<Case> cases() {
  const auto rows = [](const Tensor& x) { return flatten(x); };
  return {
      {"conv2d",
       [](const Tensor& x) {
         return conv2d(x, Tensor::from_values({1, 4, 1, 1}, std::vector<float>(4, 0.5F)), {}, {});
       }},
      {"conv_transpose2d",
       [](const Tensor& x) {
         return conv_transpose2d(x, Tensor::from_values({4, 1, 1, 1}, std::vector<float>(4, 0.5F)), {}, {});
       }},
      {"linear",
       [](const Tensor& x) {
         return linear(flatten(x), Tensor::zeros({3, 144}), {});
       }},
      {"linear",
       [](const Tensor& x) {
         return linear(reshape(x, {x.dim(0), 4, 36}), Tensor::zeros({3, 36}), {});
       }},
      {"pad2d", [](const Tensor& x) { return pad2d(x, 1, PaddingMode::kReflect); }},
      {"pad2d", [](const Tensor& x) { return pad2d(x, 1, PaddingMode::kReplicate); }},
      {"pad2d", [](const Tensor& x) { return pad2d(x, 1, PaddingMode::kCircular); }},
      {"pad2d", [](const Tensor& x) { return pad2d(x, 1, PaddingMode::kZeros); }},
      {"batch_norm", [](const Tensor& x) { return batch_norm(x, {}, {}, {}, {}, {}); }},
      {"relu", [](const Tensor& x) { return relu(x); }},
      {"relu6", [](const Tensor& x) { return relu6(x); }},
      {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
      {"tanh", [](const Tensor& x) { return octet::tanh(x); }},
      {"silu", [](const Tensor& x) { return silu(x); }},
      {"hardswish", [](const Tensor& x) { return hardswish(x); }},
      {"add", [](const Tensor& x) { return x + relu(x); }},
      {"add", [](const Tensor& x) { return x + Tensor::scalar(2.0F); }},
      {"sub", [](const Tensor& x) { return x - relu(x); }},
      {"mul", [](const Tensor& x) { return x * relu(x); }},
      {"mul", [](const Tensor& x) { return x * Tensor::scalar(2.0F); }},
      {"dropout", [rng = std::make_shared<Rng>(1)](const Tensor& x) { return dropout(x, 0.5F, *rng); }},
      {"cat",
       [](const Tensor& x) {
         const Tensor parts[] = {x, relu(x)};
         return cat(parts, 1);
       }},
      {"cat",
       [](const Tensor& x) {
         const Tensor parts[] = {x, relu(x)};
         return cat(parts, 0);
       }},
      {"cat",
       [](const Tensor& x) {
         const Tensor parts[] = {x, relu(x)};
         return cat(parts, -1);
       }},
      {"reshape",
       [](const Tensor& x) {
         return reshape(x, {x.dim(0), 16, 9});
       }},
      {"reshape",
       [](const Tensor& x) {
         return reshape(x, {-1, 72});
       }},
      {"reshape",
       [](const Tensor& x) {
         return reshape(x, {-1, 4, 36});
       }},
      {"flatten", [](const Tensor& x) { return flatten(x); }},
      {"flatten", [](const Tensor& x) { return flatten(x, 2); }},
      {"flatten", [](const Tensor& x) { return flatten(x, 0); }},
      {"max_pool2d",
       [](const Tensor& x) { return max_pool2d(x, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true}); }},
      {"avg_pool2d",
       [](const Tensor& x) {
         return avg_pool2d(
             x, {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false});
       }},
      {"adaptive_avg_pool2d", [](const Tensor& x) { return adaptive_avg_pool2d(x, 1); }},
      {"adaptive_avg_pool2d", [](const Tensor& x) { return adaptive_avg_pool2d(x, 3); }},
      {"adaptive_avg_pool2d",
       [](const Tensor& x) {
         return adaptive_avg_pool2d(x, {4, 1});
       }},
      {"softmax", [=](const Tensor& x) { return softmax(rows(x)); }},
      {"log_softmax", [=](const Tensor& x) { return log_softmax(rows(x)); }},
      {"cross_entropy",
       [=](const Tensor& x) {
         return cross_entropy(rows(x), std::vector<std::int64_t>(static_cast<std::size_t>(x.dim(0)), 1));
       }},
      {"mse_loss", [](const Tensor& x) { return mse_loss(x, relu(x)); }},
      {"mean", [](const Tensor& x) { return mean(x); }},
      {"sum", [](const Tensor& x) { return sum(x); }},
  };
}

TEST_F(DeploymentObstacles, EveryOpDeploysWithTheBitsOfEvaluationOrIsRefusedByNameBeforeTraining) {
  std::size_t deployed = 0;
  const std::vector<Case> all = cases();
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE("case " + std::to_string(i) + ", " + all[i].op);
    Through net(all[i].run);
    const QuantRetrainReport said = report(net);
    std::unique_ptr<Module> made;
    const std::string error = error_text([&] { made = converted(net); });
    if (made) {
      EXPECT_TRUE(said.obstacles.empty());
      train(*made);
      EXPECT_EQ(differing_bits(*made), 0U);
      ++deployed;
    } else {
      EXPECT_NE(error.find(all[i].op), std::string::npos) << error;
      ASSERT_FALSE(said.obstacles.empty());
      EXPECT_NE(error.find(to_text(said.obstacles.front())), std::string::npos);
    }
  }
  EXPECT_GE(deployed, 12U);
}

TEST_F(DeploymentObstacles, AreReportedAllAtOnceWithModuleOpAndReason) {
  Rng rng(1);
  Sequential net;
  net.append<Conv2d>({.in_channels = 2, .out_channels = 4, .kernel_size = 3}, rng).append<SiLU>();
  net.append<Conv2d>({.in_channels = 4, .out_channels = 4, .kernel_size = 3}, rng).append<Sigmoid>();
  net.append<AdaptiveAvgPool2d>({.output_size = 2}).append<Flatten>();
  net.append<Linear>({.in_features = 16, .out_features = 3}, rng);
  const QuantRetrainReport said = report(net);
  std::vector<std::string> lines, warnings;
  for (const Obstacle& obstacle : said.obstacles) lines.push_back(to_text(obstacle));
  const std::vector<std::string> expected = {"1 (silu): op silu has no operator in ONNX here",
                                             "3 (sigmoid): op sigmoid has no operator in ONNX here",
                                             "4 (adaptive_avg_pool2d): output_size other than 1x1 has no operator in "
                                             "ONNX"};
  EXPECT_EQ(lines, expected);
  for (const std::string& warning : said.warnings)
    if (warning.starts_with("cannot be deployed: ")) warnings.push_back(warning.substr(20));
  EXPECT_EQ(warnings, expected);
  EXPECT_TRUE(fs::exists(config_));

  EXPECT_EQ(error_text([&] { converted(net); }),
            "create_quant_retrain_model: the model can be trained, but not deployed:\n  " + expected[0] + "\n  " +
                expected[1] + "\n  " + expected[2] +
                "\nto train it all the same, set QuantRetrainOptions::deployable to false (octet retrain --no-deploy)");
  EXPECT_FALSE(fs::exists(record_));
}

TEST_F(DeploymentObstacles, AreFoundBehindOpsThatTheFileHoldsAndThePlanRefuses) {
  Through net([](const Tensor& x) { return silu(x * relu(x)) + Tensor::scalar(1.0F); });
  std::vector<std::string> ops;
  for (const Obstacle& obstacle : report(net).obstacles) ops.push_back(obstacle.op);
  std::sort(ops.begin(), ops.end());
  EXPECT_EQ(ops, (std::vector<std::string>{"add", "mul", "silu"}));
}

TEST_F(DeploymentObstacles, AreNotLookedForWhereNothingShallBeDeployed) {
  Through net([](const Tensor& x) { return silu(x); });
  report(net);
  const auto made = converted(net, {.deployable = false});
  train(*made);
  EXPECT_NE(save_error(*made).find("op silu has no operator in ONNX here"), std::string::npos);
}

TEST_F(DeploymentObstacles, AreLookedForWithoutChangingModelOrConversion) {
  Rng rng(1);
  const auto net = make_model("resnet8", {.in_channels = 2}, rng);
  for (const char* definition : {"", "skip_layers: [conv1]\nbatch_num: 3\n"}) {
    EXPECT_TRUE(report(*net, definition).obstacles.empty()) << definition;
    const auto asked = converted(*net), not_asked = converted(*net, {.deployable = false});
    const auto expect_same = [](const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        const std::vector<float> left = a[i].tensor.to_vector(), right = b[i].tensor.to_vector();
        EXPECT_EQ(0, std::memcmp(left.data(), right.data(), left.size() * sizeof(float))) << a[i].name;
      }
    };
    expect_same(asked->named_parameters(), not_asked->named_parameters());
    expect_same(asked->named_buffers(), not_asked->named_buffers());
    for (const NamedCounter& counter : asked->named_counters()) EXPECT_EQ(*counter.value, 0) << counter.name;
  }
}

TEST_F(DeploymentObstacles, LearnedWeightScalesAreNone) {
  Through net([](const Tensor& x) { return relu(x); });
  EXPECT_TRUE(report(net, "retrain_weight_quant_config: {ulq_retrain: {channel_wise: true}}\n").obstacles.empty());
  const auto made = converted(net);
  train(*made);
  EXPECT_EQ(differing_bits(*made), 0U);
}

TEST_F(DeploymentObstacles, ActivationsOf16BitsAreOne) {
  Through net([](const Tensor& x) { return relu(x); });
  const QuantRetrainReport said = report(net, "retrain_data_quant_config: {ulq_quantize: {dst_type: INT16}}\n");
  ASSERT_EQ(said.obstacles.size(), 1U);
  EXPECT_EQ(to_text(said.obstacles[0]), "conv (conv2d): activations of 16 bits cannot be deployed, only of 8");
}

TEST_F(DeploymentObstacles, TheFormatAscendIsAskedWhereTheConfigurationIsForIt) {
  Rng rng(1);
  const auto net = make_model("resnet8", {.in_channels = 2}, rng);
  EXPECT_TRUE(report(*net, "fakequant_precision_mode: FORCE_FP16_QUANT\n").obstacles.empty());
  converted(*net);
  EXPECT_NE(error_text([&] { converted(*net, {.quantize_shortcuts = true}); }).find("the format ascend has no node"),
            std::string::npos);
}

TEST_F(DeploymentObstacles, AModelWithoutCloneIsToldWithTheConfiguration) {
  class NoClone final : public Module {
   public:
    explicit NoClone(Rng& rng)
        : conv_(add<Conv2d>("conv", {.in_channels = 2, .out_channels = 4, .kernel_size = 3}, rng)) {}
    Tensor forward(const Tensor& x) override { return conv_(x); }

   private:
    Child& conv_;
  };
  Rng rng(1);
  NoClone net(rng);
  const QuantRetrainReport said = report(net);
  ASSERT_EQ(said.obstacles.size(), 1U);
  EXPECT_EQ(to_text(said.obstacles[0]), "NoClone: clone: this class does not override clone()");
}

TEST_F(DeploymentObstacles, ATransposedConvolutionWithABorderOfZerosIsNamed) {
  Rng rng(1);
  Sequential net;
  net.append<ConvTranspose2d>(
      {.in_channels = 2, .out_channels = 4, .kernel_size = 3, .stride = 2, .output_padding = 2, .dilation = 3}, rng);
  const QuantRetrainReport said = report(net);
  ASSERT_EQ(said.obstacles.size(), 2U);
  EXPECT_EQ(to_text(said.obstacles[0]),
            "0 (conv_transpose2d): op pad2d lies between its quantizer and the layer, and a file has no place for it "
            "there");
  EXPECT_EQ(said.obstacles[1].op, "pad2d");
}

// Calls its layers what a file calls its input and an op.
class OddNames final : public Module {
 public:
  OddNames()
      : input_(add<Conv2d>("input", {.in_channels = 2, .out_channels = 4, .kernel_size = 3}, rng_)),
        relu_(add<Conv2d>("relu_0", {.in_channels = 4, .out_channels = 4, .kernel_size = 3}, rng_)) {}
  Tensor forward(const Tensor& x) override { return relu_(relu(input_(x))); }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<OddNames>()); }

 private:
  Rng rng_ = Rng(6);
  Child &input_, &relu_;
};

TEST_F(DeploymentObstacles, NamesThatAFileHasForOtherThingsAreNone) {
  OddNames net;
  EXPECT_TRUE(report(net).obstacles.empty());
  const auto made = converted(net);
  train(*made);
  EXPECT_EQ(differing_bits(*made), 0U);
}

// ---- what is trained, and not in the file --------------------------------------------------------------------------

enum class Head { kBoth, kTrainingOnly, kNever };

// Returns one result and keeps another.
class TwoHeads final : public Module {
 public:
  explicit TwoHeads(Head when)
      : trunk_(add<Conv2d>("trunk", {.in_channels = 2, .out_channels = 4, .kernel_size = 3}, rng_)),
        main_(add<Conv2d>("main", {.in_channels = 4, .out_channels = 3, .kernel_size = 1}, rng_)),
        aux_(add<Conv2d>("aux", {.in_channels = 4, .out_channels = 2, .kernel_size = 1}, rng_)),
        when_(when) {}
  Tensor forward(const Tensor& x) override {
    const Tensor y = relu(trunk_(x));
    if (when_ == Head::kBoth || (when_ == Head::kTrainingOnly && training())) kept = silu(aux_(y));
    return main_(y);
  }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<TwoHeads>(when_)); }

  Tensor kept;

 private:
  Rng rng_ = Rng(4);
  Child &trunk_, &main_, &aux_;
  Head when_;
};

TEST_F(DeploymentObstacles, AHeadThatForwardKeepsIsOneAndIsNotLostInSilence) {
  for (const Head when : {Head::kBoth, Head::kTrainingOnly}) {
    SCOPED_TRACE(when == Head::kBoth ? "in both modes" : "in training only");
    fs::remove(folder_ / "net_deploy_model.onnx");
    TwoHeads net(when);
    const QuantRetrainReport said = report(net);
    ASSERT_EQ(said.obstacles.size(), 1U);
    EXPECT_EQ(said.obstacles[0].module, "aux");
    EXPECT_NE(error_text([&] { converted(net); }).find("aux: training moves its weight, bias"), std::string::npos);

    const auto made = converted(net, {.deployable = false});
    auto& two = dynamic_cast<TwoHeads&>(*made);
    made->train();
    const Tensor y = two(random_batch(4));
    (sum(y) + sum(two.kept)).backward();
    const std::string error = save_error(two);
    EXPECT_NE(error.find("save_quant_retrain_model: the output does not depend on parameters that training moved"),
              std::string::npos)
        << error;
    EXPECT_NE(error.find("aux.weight, aux.bias"), std::string::npos) << error;
    EXPECT_EQ(error.find("main."), std::string::npos) << error;
    EXPECT_FALSE(fs::exists(folder_ / "net_deploy_model.onnx"));

    for (const NamedTensor& one : made->at("aux").own_parameters()) {  // it is not to be deployed
      Tensor frozen = one.tensor;
      frozen.set_requires_grad(false);
      frozen.zero_grad();
    }
    EXPECT_EQ(differing_bits(two), 0U);
  }
}

TEST_F(DeploymentObstacles, ALayerThatNeverRunsIsNone) {
  TwoHeads net(Head::kNever);
  EXPECT_TRUE(report(net).obstacles.empty());
  const auto made = converted(net);
  train(*made);
  EXPECT_EQ(differing_bits(*made), 0U);
}

TEST_F(DeploymentObstacles, AHeadThatIsRunFromOutsideIsToldWhenItIsSaved) {
  TwoHeads net(Head::kNever);
  report(net);
  const auto made = converted(net);
  train(*made);
  sum(made->slot("aux")(Tensor::full({1, 4, 3, 3}, 1.0F))).backward();
  EXPECT_NE(save_error(*made).find("aux.weight, aux.bias"), std::string::npos);
}

}  // namespace
}  // namespace octet
