// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/create_quant_retrain_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/tape.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/deploy/model.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "octet/nn/sequential.h"
#include "octet/nn/state.h"
#include "octet/quant/qat_layers.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;

class CreateQuantRetrainModel : public testing::Test {
 protected:
  CreateQuantRetrainModel()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("model_") + testing::UnitTest::GetInstance()->current_test_info()->name())),
        config_(folder_ / "config.json"),
        record_(folder_ / "record.txt"),
        net_(make_model("resnet8", {}, rng_)),
        x_(Tensor::empty({4, 3, 12, 12})) {
    fs::remove_all(folder_);
    for (float& value : x_.mutable_values()) value = rng_.normal();
    create_quant_retrain_config(config_, *net_, x_);
  }
  ~CreateQuantRetrainModel() override { fs::remove_all(folder_); }

  std::unique_ptr<Module> converted(const QuantRetrainOptions& options = {}) {
    return create_quant_retrain_model(config_, *net_, record_, x_, options);
  }

  void train(Module& model, int steps) {
    SGD sgd(model, {.lr = 0.01});
    for (int i = 0; i < steps; ++i) {
      sgd.zero_grad();
      sum(model(x_)).backward();
      sgd.step();
    }
  }

  std::string error_with(const std::string& config) {
    write_file_atomically(config_, config);
    return error_text([&] { converted(); });
  }

  Rng rng_ = Rng(5);
  fs::path folder_, config_, record_;
  std::unique_ptr<Module> net_;
  Tensor x_;
};

TEST_F(CreateQuantRetrainModel, SwapsLayersInACopy) {
  const auto model = converted();
  EXPECT_EQ(net_->at("conv1").type_name(), "Conv2d");
  EXPECT_EQ(net_->at("bn1").type_name(), "BatchNorm2d");
  EXPECT_EQ(model->at("conv1").type_name(), "Conv2dQAT");
  EXPECT_EQ(model->at("conv1.bn").type_name(), "BatchNorm2d");
  EXPECT_EQ(model->at("bn1").type_name(), "Identity");
  EXPECT_EQ(model->at("layer2.0.downsample.1").type_name(), "Identity");
  EXPECT_EQ(model->at("fc").type_name(), "LinearQAT");
  const auto& conv = dynamic_cast<const QatModule&>(model->at("layer2.0.conv1"));
  const auto& shortcut = dynamic_cast<const QatModule&>(model->at("layer2.0.downsample.0"));
  EXPECT_EQ(shortcut.quantizer_owner(), &conv);
  EXPECT_TRUE(conv.config().retrain_data_config.fixed_min);
  const Tensor before = net_->parameters().front().clone();
  train(*model, 2);
  EXPECT_EQ(net_->parameters().front().to_vector(), before.to_vector());
}

TEST_F(CreateQuantRetrainModel, KeepsTheModeOfEachModule) {
  net_->at("bn1").eval();
  net_->at("layer1.0.conv1").eval();
  const auto model = converted();
  EXPECT_TRUE(model->at("conv1").training());
  EXPECT_FALSE(model->at("conv1.bn").training()) << "a frozen BatchNorm stays frozen";
  EXPECT_FALSE(model->at("layer1.0.conv1").training());
  EXPECT_TRUE(model->at("layer1.0.conv1.bn").training());
}

TEST_F(CreateQuantRetrainModel, SaysThatEvaluationNeedsClips) {
  const auto model = converted();
  model->eval();
  EXPECT_EQ(error_text([&] { (*model)(x_); }),
            "conv1: Conv2dQAT: evaluation needs clips, which have not been found yet: it must see training (or "
            "calibration) data first, 1 batch in training mode");
  for (const NamedCounter& counter : model->named_counters()) EXPECT_EQ(*counter.value, 0) << counter.name;
}

TEST_F(CreateQuantRetrainModel, EvaluatesLearnedScalesBeforeTheyHaveBegunToLearn) {
  const fs::path definition = folder_ / "quant.yaml";
  write_file_atomically(definition,
                        "retrain_data_quant_config: {ulq_quantize: {clip_max_min: {clip_max: 2.0, clip_min: -1.0}}}\n"
                        "retrain_weight_quant_config: {ulq_retrain: {channel_wise: false}}\n");
  create_quant_retrain_config(config_, *net_, x_, definition);
  const auto model = converted();
  model->eval();
  const NoGrad no_grad;
  for (const float v : (*model)(x_).to_vector()) EXPECT_TRUE(std::isfinite(v));
}

// Two layers around one weight stay as they are (neither could be quantized alone), and train it together.
TEST_F(CreateQuantRetrainModel, KeepsSharedWeightsShared) {
  const Conv2d::Options options{.in_channels = 3, .out_channels = 3, .kernel_size = 3, .padding = 1};
  Sequential net;
  net.append<Conv2d>(options, rng_);
  const auto& first = dynamic_cast<Conv2d&>(net.at("0"));
  net.append(std::make_unique<Conv2d>(options, first.weight(), first.bias())).append<Conv2d>(options, rng_);
  create_quant_retrain_config(config_, net, x_);
  const auto model = create_quant_retrain_model(config_, net, record_, x_);
  EXPECT_EQ(model->at("2").type_name(), "Conv2dQAT");
  train(*model, 2);
  const auto weight = [&](const char* path) { return model->at(path).own_parameters()[0].tensor; };
  EXPECT_TRUE(weight("0").same_as(weight("1")));
  EXPECT_FALSE(weight("0").same_as(first.weight()));

  model->eval();
  const SavedModels saved = save_quant_retrain_model(config_, *model, record_, folder_ / "tied", x_);
  const NoGrad no_grad;
  EXPECT_EQ(deploy::Model::load(saved.deploy).run(x_.to_nchw(), 4), (*model)(x_).to_nchw());
}

TEST_F(CreateQuantRetrainModel, LeavesDisabledLayersAsTheyAre) {
  const fs::path definition = folder_ / "quant.yaml";
  write_file_atomically(definition, "skip_layers: [conv1]\nskip_layer_types: [Linear]\n");
  create_quant_retrain_config(config_, *net_, x_, definition);
  const auto model = converted();
  EXPECT_EQ(model->at("conv1").type_name(), "Conv2d");
  EXPECT_EQ(model->at("bn1").type_name(), "BatchNorm2d");
  EXPECT_EQ(model->at("fc").type_name(), "Linear");
}

TEST_F(CreateQuantRetrainModel, RestoresATrainedModelToTheBit) {
  const auto model = converted();
  EXPECT_EQ(read_file(record_, 100), "# octet record 1\n");
  EXPECT_TRUE(quant_record(*model).layers.empty());
  train(*model, 3);
  model->eval();
  const std::vector<float> expected = (*model)(x_).to_vector();
  save_weights(*model, folder_ / "plain.safetensors");
  std::vector<StateEntry> wrapped = named_weights(*model);
  for (StateEntry& entry : wrapped) entry.name = "model.module." + entry.name;
  Tensor other = Tensor::scalar(1.0F);
  wrapped.push_back({.name = "optimizer.lr", .tensor = other});
  save_state(folder_ / "wrapped.safetensors", wrapped);

  for (const auto& [file, key] : {std::pair("plain.safetensors", ""), std::pair("wrapped.safetensors", "model")}) {
    const auto restored = restore_quant_retrain_model(config_, *net_, record_, x_, folder_ / file, key);
    restored->eval();
    EXPECT_EQ((*restored)(x_).to_vector(), expected) << file;
    std::vector<std::string> names;
    for (const auto& layer : quant_record(*model).layers) names.push_back(layer.name);
    EXPECT_EQ(names.size(), 10U);
    EXPECT_EQ(read_record_file(record_, names), quant_record(*model));
  }
  EXPECT_EQ(error_text([&] {
              restore_quant_retrain_model(config_, *net_, record_, x_, folder_ / "plain.safetensors", "ema");
            }),
            (folder_ / "plain.safetensors").string() + ": no tensor's name starts with \"ema.\"");
  save_weights(*net_, folder_ / "float.safetensors");
  const std::string error =
      error_text([&] { restore_quant_retrain_model(config_, *net_, record_, x_, folder_ / "float.safetensors"); });
  EXPECT_NE(error.find("does not fit the converted model:\n  missing: conv1.acts_clip_max"), std::string::npos)
      << error;
}

TEST_F(CreateQuantRetrainModel, LetsShortcutsReadQuantizedValuesOnlyIfAsked) {
  const auto floats = converted(), integers = converted({.quantize_shortcuts = true});
  EXPECT_EQ(floats->slot("layer1.0").input_filter(), nullptr);
  EXPECT_EQ(integers->slot("layer1.0").input_filter(), &integers->at("layer1.0.conv1"));
  EXPECT_EQ(integers->slot("layer2.0").input_filter(), nullptr);  // its shortcut is a quantized convolution
  train(*floats, 2);
  train(*integers, 2);
  EXPECT_NE((*floats)(x_).to_vector(), (*integers)(x_).to_vector());
  const auto copy = integers->clone();
  EXPECT_EQ(copy->slot("layer1.0").input_filter(), &copy->at("layer1.0.conv1"));
}

TEST_F(CreateQuantRetrainModel, AQuantizerIsBorrowedFromTheLayerThatIsInItsPlaceNow) {
  const auto model = converted();
  train(*model, 2);
  model->eval();
  const std::vector<float> expected = (*model)(x_).to_vector();
  model->slot("layer2.0.conv1").replace(model->at("layer2.0.conv1").clone());  // the lender dies here
  const auto& borrower = dynamic_cast<const QatModule&>(model->at("layer2.0.downsample.0"));
  EXPECT_EQ(borrower.quantizer_owner(), &model->at("layer2.0.conv1"));
  EXPECT_EQ((*model)(x_).to_vector(), expected);
  EXPECT_EQ((*model->clone())(x_).to_vector(), expected);
  model->train();
  train(*model, 1);

  model->slot("layer2.0").replace(model->at("layer2.0").clone());  // with lender and borrower
  EXPECT_EQ(dynamic_cast<const QatModule&>(model->at("layer2.0.downsample.0")).quantizer_owner(),
            &model->at("layer2.0.conv1"));
  train(*model, 1);
}

TEST_F(CreateQuantRetrainModel, ABorrowedQuantizerThatIsGoneIsAnErrorThatSaysSo) {
  const auto model = converted();
  train(*model, 2);
  model->slot("layer2.0.conv1").replace(net_->at("layer2.0.conv1").clone());
  const std::string error = error_text([&] { (*model)(x_); });
  EXPECT_EQ(error,
            "layer2.0.downsample.0: Conv2dQAT: where the layer was whose activation quantizer it shares, there is a "
            "Conv2d now, which has none of its own; convert the model again");
  EXPECT_NE(error_text([&] { model->clone(); }).find("there is a Conv2d now"), std::string::npos);

  const auto other = converted();
  const std::unique_ptr<Module> borrower = other->slot("layer2.0.downsample.0").replace(std::make_unique<Identity>());
  other->slot("layer2.0").replace(std::make_unique<Identity>());
  EXPECT_EQ(error_text([&] {
              (*borrower)(Tensor::zeros({1, 16, 4, 4}));
            }),
            "Conv2dQAT: the layer whose activation quantizer it shares has been destroyed; convert the model again");
}

TEST_F(CreateQuantRetrainModel, AShortcutIsQuantizedByWhatIsInTheFiltersPlace) {
  const auto model = converted({.quantize_shortcuts = true});
  train(*model, 2);
  model->eval();
  const std::vector<float> expected = (*model)(x_).to_vector();
  model->slot("layer1.0.conv1").replace(model->at("layer1.0.conv1").clone());  // the filter dies here
  EXPECT_EQ(model->slot("layer1.0").input_filter(), &model->at("layer1.0.conv1"));
  EXPECT_EQ((*model)(x_).to_vector(), expected);
  model->slot("layer1.0.conv1").replace(net_->at("layer1.0.conv1").clone());
  EXPECT_NE((*model)(x_).to_vector(), expected);  // a float layer quantizes nothing
  model->slot("layer1.0").replace(std::make_unique<Identity>());
  EXPECT_EQ((*model)(x_).dim(0), x_.dim(0));
}

TEST_F(CreateQuantRetrainModel, RecordsTheFactorsOfTheBatchNormInside) {
  const auto model = converted();
  train(*model, 2);
  const QuantRecord record = quant_record(*model), halves = quant_record(*model, /*force_fp16_quant=*/true);
  const auto& conv = dynamic_cast<const QatModule&>(model->at("conv1"));
  const std::vector<float> gamma = conv.batch_norm()->weight().to_vector(),
                           var = conv.batch_norm()->running_var().to_vector();
  const std::vector<float> scales = arq_scales(
      "conv1", conv.weight(), {.groups = 1, .rows = 1, .channels = conv.weight().dim(0), .run = 27}, true, 8);
  ASSERT_EQ(record.layers.at(0).scale_w.size(), gamma.size());
  for (std::size_t c = 0; c < gamma.size(); ++c)
    EXPECT_NEAR(record.layers[0].scale_w[c], std::fabs(gamma[c]) / std::sqrt(var[c] + 1e-5F) * scales[c],
                1e-6F * record.layers[0].scale_w[c]);
  EXPECT_EQ(record.layers.back().scale_w.size(), 1U);
  EXPECT_EQ(halves.layers[0].scale_d, fp16_scale(record.layers[0].scale_d));
}

TEST_F(CreateQuantRetrainModel, RefusesMistakesWithTheirPlace) {
  EXPECT_EQ(error_with("{\"version\":1,\"batch_num\":1,\n\"conv2\":{}}"),
            config_.string() + ":2:1: there is no layer \"conv2\" that can be quantized; did you mean \"conv1\"?");
  const std::string four_bits = error_with(
      "{\"version\":1,\"batch_num\":1,\"fc\":{\"retrain_data_config\":{\"dst_type\":\"INT4\"},"
      "\"retrain_weight_config\":{\"dst_type\":\"INT4\"}}}");
  EXPECT_EQ(four_bits, "fc: LinearQAT: retrain_data_config.dst_type: must be INT8 or INT16 (4 bits)");
  create_quant_retrain_config(config_, *net_, x_);
  const auto model = converted();
  EXPECT_EQ(error_text([&] { create_quant_retrain_model(config_, *model, record_, x_); }),
            "the model is quantized already: conv1 is a Conv2dQAT");
}

}  // namespace
}  // namespace octet
