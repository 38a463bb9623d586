// SPDX-License-Identifier: Apache-2.0
// What is saved is what was trained: the file, run by octet::deploy, gives the bits of the model's evaluation.
#include "octet/compat/save_quant_retrain_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "octet/nn/sequential.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;

Tensor random_batch(const Shape& shape, Rng& rng) {
  Tensor x = Tensor::empty(shape);
  for (float& v : x.mutable_values()) v = rng.normal();
  return x;
}

struct Settings {
  std::string definition = "";  // of the configuration, in YAML
  bool quantize_shortcuts = false;
};

// A model on its way from float to a file.
class Retrained {
 public:
  Retrained(Module& model, const Shape& image, const Settings& settings)
      : folder_(fs::path(testing::TempDir()) / ("save_quant_retrain_model_" + std::to_string(getpid()))),
        image_(image) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::optional<fs::path> definition;
    if (!settings.definition.empty()) {
      definition = folder_ / "quant.yaml";
      write_file_atomically(*definition, settings.definition);
    }
    const Tensor sample = batch(2);
    create_quant_retrain_config(config(), model, sample, definition);
    model_ = create_quant_retrain_model(config(), model, record(), sample,
                                        {.quantize_shortcuts = settings.quantize_shortcuts});
  }
  ~Retrained() { fs::remove_all(folder_); }
  Retrained(const Retrained&) = delete;
  Retrained& operator=(const Retrained&) = delete;

  void train(int steps) {
    SGD sgd(*model_, {.lr = 0.01, .momentum = 0.9});
    for (int i = 0; i < steps; ++i) {
      const Tensor y = (*model_)(batch(6));
      Tensor target = Tensor::zeros(y.shape(), y.layout());
      const Tensor loss = mse_loss(y, target);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
    }
  }

  SavedModels save(const SaveOptions& options = {}) {
    return save_quant_retrain_model(config(), *model_, record(), folder_ / "net", batch(1), options);
  }

  std::vector<float> evaluate(const Tensor& x) {
    model_->eval();
    const NoGrad no_grad;
    return (*model_)(x).to_vector();
  }

  Tensor batch(std::int64_t n) {
    Shape shape = image_;
    shape.insert(shape.begin(), n);
    return random_batch(shape, rng_);
  }

  Module& model() { return *model_; }
  fs::path config() const { return folder_ / "config.json"; }
  fs::path record() const { return folder_ / "record.txt"; }

 private:
  fs::path folder_;
  Shape image_;
  Rng rng_{11};
  std::unique_ptr<Module> model_;
};

void expect_same_bits_deployed(Retrained& retrained) {
  retrained.train(4);
  const SavedModels saved = retrained.save();
  const deploy::Model deployed = deploy::Model::load(saved.deploy);
  for (const std::int64_t n : {1, 5}) {
    const Tensor x = retrained.batch(n);
    const std::vector<float> expected = retrained.evaluate(x), ours = deployed.run(x.to_vector(), n);
    ASSERT_EQ(ours.size(), expected.size());
    std::size_t differences = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) differences += ours[i] != expected[i];
    EXPECT_EQ(differences, 0U) << "of " << ours.size() << " values, batch " << n;
  }
}

TEST(SaveQuantRetrainModel, DeployedResNetGivesTheBitsOfEvaluation) {
  for (const bool shortcuts : {false, true}) {
    SCOPED_TRACE(shortcuts ? "shortcuts quantized" : "shortcuts in float");
    Rng rng(1);
    const auto net = make_model("resnet20", {.in_channels = 3, .num_classes = 10}, rng);
    Retrained retrained(*net, {3, 16, 16}, {.quantize_shortcuts = shortcuts});
    expect_same_bits_deployed(retrained);
  }
}

// All inputs and weights at the ends of their ranges: no int32 holds the sums.
TEST(SaveQuantRetrainModel, DeployedSumsBeyondInt32AreThoseOfTrainingAndEvaluation) {
  constexpr std::int64_t kInputs = 100352;
  Rng rng(8);
  Sequential net;
  net.append<ReLU>();
  net.append<Linear>({.in_features = kInputs, .out_features = 2}, rng);
  for (float& v : Tensor(dynamic_cast<Linear&>(net.at("1")).weight()).mutable_values()) v = 0.01F;
  for (float& v : Tensor(dynamic_cast<Linear&>(net.at("1")).bias()).mutable_values()) v = 0.5F;
  const Tensor x = Tensor::full({3, kInputs}, 1.0F);
  Retrained retrained(net, {kInputs}, {});
  const double right = 0.01 * kInputs + 0.5;
  for (int i = 0; i < 2; ++i) {
    const Tensor y = retrained.model()(x);
    EXPECT_NEAR(y.to_vector()[0], right, 1e-4 * right) << "training";
    sum(y).backward();
  }
  const std::vector<float> evaluated = retrained.evaluate(x);
  EXPECT_NEAR(evaluated[0], right, 1e-4 * right);
  EXPECT_EQ(deploy::Model::load(retrained.save().deploy).run(x.to_vector(), 3), evaluated);
  const std::string error = error_text([&] { retrained.save({.format = DeployFormat::kAscend}); });
  EXPECT_TRUE(error.starts_with("1: the sums of output channel 0 can reach 325")) << error;
  EXPECT_TRUE(error.ends_with(", which the int32 of the format ascend does not hold; the format qdq can be used"));
}

// Every kind of layer, groups, offsets that are not at an end, one layer left in float.
std::unique_ptr<Sequential> mixed_network() {
  Rng rng(2);
  auto net = std::make_unique<Sequential>();
  net->append<Conv2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = 1}, rng);
  net->append<BatchNorm2d>({.features = 8});
  net->append<Conv2d>({.in_channels = 8, .out_channels = 8, .kernel_size = 3, .stride = 2, .groups = 4}, rng);
  net->append<ReLU>();
  net->append<ConvTranspose2d>({.in_channels = 8, .out_channels = 6, .kernel_size = 2, .stride = 2, .groups = 2}, rng);
  net->append<MaxPool2d>({.kernel_size = 2});
  net->append<Conv2d>({.in_channels = 6, .out_channels = 4, .kernel_size = 1}, rng);
  net->append<Flatten>();
  net->append<Linear>({.in_features = 4 * 4 * 4, .out_features = 5}, rng);
  return net;
}

TEST(SaveQuantRetrainModel, DeployedMixtureGivesTheBitsOfEvaluation) {
  for (const std::string definition :
       {"", "skip_layers: [\"6\"]\n", "retrain_weight_quant_config: {ulq_retrain: {channel_wise: false}}\n"}) {
    SCOPED_TRACE(definition);
    const auto net = mixed_network();
    Retrained retrained(*net, {3, 9, 9}, {.definition = definition});
    expect_same_bits_deployed(retrained);
  }
}

TEST(SaveQuantRetrainModel, DeployedBatchNormThatNoLayerTakesInGivesTheBitsOfEvaluation) {
  Rng rng(3);
  Sequential net;
  net.append<ConvTranspose2d>({.in_channels = 3, .out_channels = 8, .kernel_size = 2, .stride = 2, .bias = false}, rng);
  net.append<BatchNorm2d>({.features = 8});
  Retrained retrained(net, {3, 9, 9}, {});
  expect_same_bits_deployed(retrained);
}

TEST(SaveQuantRetrainModel, RefusesModelsThatAreNotTrainedYet) {
  const auto net = mixed_network();
  Retrained retrained(*net, {3, 9, 9}, {});
  EXPECT_EQ(error_text([&] { retrained.save(); }),
            "0: the clips of its quantizer have not been found yet: train the model first");
}

TEST(SaveQuantRetrainModel, RefusesAnotherConfiguration) {
  const auto net = mixed_network();
  Retrained retrained(*net, {3, 9, 9}, {});
  retrained.train(1);
  std::string text = read_file(retrained.config(), 1 << 20);
  const std::string before = "\"batch_num\":1";
  text.replace(text.find(before), before.size(), "\"batch_num\":2");
  write_file_atomically(retrained.config(), text);
  EXPECT_EQ(error_text([&] { retrained.save(); }),
            "save_quant_retrain_model: layer 0 was converted with other settings than those in " +
                retrained.config().string());
}

TEST(SaveQuantRetrainModel, RefusesFloatModels) {
  const auto net = mixed_network();
  Retrained retrained(*net, {3, 9, 9}, {});
  EXPECT_EQ(error_text([&] {
              save_quant_retrain_model(retrained.config(), *net, retrained.record(), "unused", retrained.batch(1));
            }),
            "save_quant_retrain_model: the model has no quantized layers; create_quant_retrain_model() makes them");
}

TEST(SaveQuantRetrainModel, FormatAscendHasNoNodeForQuantizedShortcuts) {
  Rng rng(1);
  const auto net = make_model("resnet20", {.in_channels = 3, .num_classes = 10}, rng);
  Retrained retrained(*net, {3, 16, 16}, {.quantize_shortcuts = true});
  retrained.train(1);
  EXPECT_NE(error_text([&] {
              retrained.save({.format = DeployFormat::kAscend});
            }).find("for which the format ascend has no node: convert the model without quantize_shortcuts"),
            std::string::npos);
}

}  // namespace
}  // namespace octet
