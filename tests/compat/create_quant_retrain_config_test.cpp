// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/create_quant_retrain_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/quant/evaluation_trace.h"
#include "octet/quant/qat_layers.h"
#include "octet/quant/quantizable_layers.h"
#include "support/error_text.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::error_text;

class CreateQuantRetrainConfig : public testing::Test {
 protected:
  CreateQuantRetrainConfig()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("create_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CreateQuantRetrainConfig() override { fs::remove_all(folder_); }

  fs::path written(const char* name, const char* text) const {
    write_file_atomically(folder_ / name, text);
    return folder_ / name;
  }

  fs::path folder_;
  Rng rng_ = Rng(1);
};

// One layer of each kind of obstacle, and one that can be quantized.
class Obstacles final : public Module {
 public:
  explicit Obstacles(Rng& rng)
      : good_(add<Conv2d>("good", {.in_channels = 32, .out_channels = 32, .kernel_size = 1}, rng)),
        unused_(add<Linear>("unused", {.in_features = 4, .out_features = 4}, rng)),
        twice_(add<Conv2d>("twice", {.in_channels = 32, .out_channels = 32, .kernel_size = 1}, rng)),
        circular_(add<Conv2d>("circular",
                              {.in_channels = 32,
                               .out_channels = 32,
                               .kernel_size = 3,
                               .padding = 1,
                               .padding_mode = PaddingMode::kCircular},
                              rng)),
        batch_num_(add<Conv2d>("batch_num", {.in_channels = 32, .out_channels = 32, .kernel_size = 1}, rng)),
        drop_(add<Dropout>("drop", {}, rng)) {}

  Tensor forward(const Tensor& x) override { return drop_(batch_num_(circular_(twice_(twice_(good_(x)))))); }
  std::unique_ptr<Module> clone() const override {
    Rng unused(0);
    return copy_state_to(std::make_unique<Obstacles>(unused));
  }

 private:
  Child &good_, &unused_, &twice_, &circular_, &batch_num_, &drop_;
};

TEST_F(CreateQuantRetrainConfig, ReportsEveryLayerWithItsReason) {
  Obstacles net(rng_);
  const QuantRetrainReport report = create_quant_retrain_config(folder_ / "c.json", net, Tensor::zeros({1, 32, 4, 4}));
  std::vector<std::string> lines;
  for (const auto& layer : report.layers)
    lines.push_back(layer.name + ' ' + layer.type + (layer.quantized ? " quantized" : " skipped: ") + layer.reason);
  const std::vector<std::string> expected = {
      "good Conv2d quantized", "unused Linear skipped: it does not run for this input",
      "twice Conv2d skipped: it runs 2 times",
      "circular Conv2d skipped: padding_mode is not zeros, and integers know no other",
      "batch_num Conv2d skipped: its name is a key of the configuration file"};
  EXPECT_EQ(lines, expected);
  EXPECT_EQ(report.warnings,
            std::vector<std::string>{"cannot be deployed: circular (pad2d): op pad2d has no operator in ONNX here"});
}

TEST_F(CreateQuantRetrainConfig, ChangesNothingInTheModel) {
  const auto net = make_model("resnet20", {}, rng_);
  net->at("layer1").eval();
  std::vector<float> before;
  for (const NamedTensor& one : net->named_buffers())
    before.insert(before.end(), one.tensor.values().begin(), one.tensor.values().end());
  create_quant_retrain_config(folder_ / "c.json", *net, Tensor::zeros({1, 3, 8, 8}));
  std::vector<float> after;
  for (const NamedTensor& one : net->named_buffers())
    after.insert(after.end(), one.tensor.values().begin(), one.tensor.values().end());
  EXPECT_EQ(before, after);
  EXPECT_TRUE(net->training());
  EXPECT_FALSE(net->at("layer1.0.bn1").training());
  EXPECT_TRUE(net->at("layer2.0.bn1").training());
}

TEST_F(CreateQuantRetrainConfig, MakesFoldersAndSaysWhatIsSkipped) {
  const auto net = make_model("resnet8", {}, rng_);
  const fs::path definition = written("quant.cfg", "skip_layers: 'fc'");
  const QuantRetrainReport report =
      create_quant_retrain_config(folder_ / "new" / "folder" / "c.json", *net, Tensor::zeros({1, 3, 8, 8}), definition);
  EXPECT_TRUE(report.warnings.empty());
  EXPECT_EQ(report.layers.back().reason, "the configuration skips it");
  EXPECT_TRUE(fs::exists(folder_ / "new" / "folder" / "c.json"));
}

TEST_F(CreateQuantRetrainConfig, LeavesTheOldFileAfterAnError) {
  const auto net = make_model("resnet8", {}, rng_);
  const fs::path config = written("c.json", "old"), definition = written("q.yaml", "skip_layers: [fd]");
  EXPECT_EQ(
      error_text([&] {
        create_quant_retrain_config(config, *net, Tensor::zeros({1, 3, 8, 8}), definition);
      }),
      definition.string() + ":1:15: skip_layers: there is no layer \"fd\" that can be quantized; did you mean \"fc\"?");
  EXPECT_EQ(read_file(config, 100), "old");
}

TEST_F(CreateQuantRetrainConfig, RefusesModelsWithoutLayersAndQuantizedOnes) {
  Sequential pools;
  pools.append<ReLU>();
  EXPECT_EQ(error_text([&] {
              create_quant_retrain_config(folder_ / "c.json", pools, Tensor::zeros({1, 3, 8, 8}));
            }),
            "create_quant_retrain_config: the model has no layer that can be quantized");
  Linear alone({.in_features = 4, .out_features = 4}, rng_);
  EXPECT_EQ(
      error_text([&] {
        create_quant_retrain_config(folder_ / "c.json", alone, Tensor::zeros({1, 4}));
      }),
      "create_quant_retrain_config: the model has no layer that can be quantized (\"\": it is the whole model: there "
      "is no slot for what replaces it)");
  Sequential quantized;
  quantized.append(std::make_unique<ConvTranspose2dQAT>(
      ConvTranspose2dQAT::Options{.in_channels = 3, .out_channels = 2, .kernel_size = 1}, rng_));
  EXPECT_EQ(error_text([&] {
              create_quant_retrain_config(folder_ / "c.json", quantized, Tensor::zeros({1, 3, 8, 8}));
            }),
            "the model is quantized already: 0 is a ConvTranspose2dQAT");
  EXPECT_FALSE(fs::exists(folder_ / "c.json"));
}

TEST(FindQuantizableLayers, DropsLayersThatShareAWeight) {
  Rng rng(1);
  const Conv2d conv({.in_channels = 4, .out_channels = 4, .kernel_size = 1}, rng);
  Sequential net;
  net.append(std::make_unique<Conv2d>(conv.options(), conv.weight(), conv.bias()));
  net.append(std::make_unique<Conv2d>(conv.options(), conv.weight(), conv.bias()));
  const Tensor x = Tensor::zeros({1, 4, 2, 2});
  const auto layers = find_quantizable_layers(net, evaluation_trace(net, x));
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[0].obstacle, "it shares its weight with 1");
  EXPECT_EQ(layers[1].obstacle, "it shares its weight with 0");
}

}  // namespace
}  // namespace octet
