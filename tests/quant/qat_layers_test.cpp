// SPDX-License-Identifier: Apache-2.0
#include "octet/quant/qat_layers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/nn/optim.h"
#include "octet/nn/state.h"
#include "support/array64.h"
#include "support/error_text.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::error_text;
using test::random_tensor;
using test::same_bits;

const Conv2d::Options kConv{.in_channels = 3, .out_channels = 4, .kernel_size = 3};

// A network of one layer.
class Net final : public Module {
 public:
  Net(std::string name, std::unique_ptr<Module> layer) : layer_(add(std::move(name), std::move(layer))) {}
  Tensor forward(const Tensor& x) override { return layer_(x); }

 private:
  Child& layer_;
};

// All saved values, to see what changed.
std::vector<std::vector<float>> state_of(Module& module) {
  std::vector<std::vector<float>> values;
  for (const StateEntry& entry : named_state(module))
    values.push_back(entry.counter ? std::vector<float>{static_cast<float>(*entry.counter)} : entry.tensor.to_vector());
  return values;
}

bool same_state(Module& module, const std::vector<std::vector<float>>& before) {
  const auto now = state_of(module);
  for (std::size_t i = 0; i < now.size(); ++i)
    if (std::memcmp(now[i].data(), before[i].data(), now[i].size() * sizeof(float)) != 0) return false;
  return now.size() == before.size();
}

TEST(QatLayers, HaveTheStateOfTheReference) {
  Rng rng(1);
  Conv2dQAT conv(kConv, R"({"retrain_weight_config": {"weights_retrain_algo": "ulq_retrain"}})", rng);
  std::vector<std::string> names;
  for (const StateEntry& entry : named_weights(conv)) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"weight", "bias", "acts_clip_max", "acts_clip_min", "wts_scales",
                                             "acts_clip_max_pre", "acts_clip_min_pre", "acts_scale",
                                             "acts_offset_deploy", "wts_offsets", "wts_offsets_deploy", "cur_batch",
                                             "s_rec_flag", "acts_initialised"}));
  EXPECT_EQ(conv.type_name(), "Conv2dQAT");
}

TEST(QatLayers, AreBuiltWithTheFloatLayersOptions) {
  Rng rng(2);
  ConvTranspose2dQAT up(
      {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .stride = 2, .output_padding = 1, .groups = 2},
      {.retrain_data_config = {.clip_max = 2.0F}}, rng);
  EXPECT_EQ(up(random_tensor({1, 4, 5, 5}, rng)).shape(), (Shape{1, 6, 12, 12}));
  EXPECT_EQ(up.weight_quantizer().stored_scales().size(), 6);
  LinearQAT fc({.in_features = 3, .out_features = 5}, rng);
  EXPECT_EQ(fc(random_tensor({2, 3}, rng)).shape(), (Shape{2, 5}));
  EXPECT_EQ(fc.weight_quantizer().stored_scales().size(), 1);
  LinearQAT per_channel({.in_features = 3, .out_features = 5}, {.retrain_weight_config = {.channel_wise = true}}, rng);
  EXPECT_EQ(per_channel.weight_quantizer().stored_scales().size(), 5);
}

TEST(QatLayers, FromFloatSharesWeightAndBias) {
  Rng rng(3);
  Conv2d conv(kConv, rng);
  Tensor frozen = conv.bias();
  frozen.set_requires_grad(false);
  conv.eval();
  const std::unique_ptr<Conv2dQAT> qat = Conv2dQAT::from_float(conv);
  EXPECT_TRUE(qat->weight().same_as(conv.weight()));
  EXPECT_TRUE(qat->bias().same_as(conv.bias()));
  EXPECT_FALSE(qat->bias().requires_grad()) << "a frozen bias stays frozen";
  EXPECT_FALSE(qat->training());
}

TEST(QatLayers, FromFloatCopiesOutputPadding) {
  Rng rng(4);
  ConvTranspose2d up({.in_channels = 2, .out_channels = 2, .kernel_size = 3, .stride = 2, .output_padding = 1}, rng);
  const Tensor x = random_tensor({1, 2, 4, 4}, rng);
  EXPECT_EQ((*ConvTranspose2dQAT::from_float(up))(x).shape(), up(x).shape());
}

TEST(QatLayers, FromFloatTakesItsOwnLayerOnly) {
  Rng rng(5);
  Linear fc({.in_features = 3, .out_features = 4}, rng);
  EXPECT_EQ(error_text([&] { Conv2dQAT::from_float(fc); }), "Conv2dQAT: from_float: needs a Conv2d, got a Linear");
}

TEST(QatLayers, DisabledIsTheFloatLayer) {
  Rng rng(6);
  Conv2d conv(
      {.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1, .padding_mode = PaddingMode::kReflect},
      rng);
  const auto qat = Conv2dQAT::from_float(conv, {.retrain_enable = false});
  const auto before = state_of(*qat);
  const Tensor x = random_tensor({2, 3, 5, 5}, rng);
  EXPECT_TRUE(same_bits((*qat)(x), conv(x))) << "also with its padding mode";
  EXPECT_TRUE(same_state(*qat, before));
}

TEST(QatLayers, EnabledPadWithZerosOnly) {
  Rng rng(7);
  const Conv2d::Options reflecting{
      .in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1, .padding_mode = PaddingMode::kReflect};
  EXPECT_EQ(error_text([&] { Conv2dQAT(reflecting, rng); }),
            "Conv2dQAT: padding_mode: must be zeros while retrain_enable is true");
}

TEST(QatLayers, TrainingKeepsTheFloatWeight) {
  Rng rng(8);
  Conv2dQAT conv(kConv, rng);
  const Tensor before = conv.weight().clone();
  for (int i = 0; i < 3; ++i) conv(random_tensor({2, 3, 6, 6}, rng));
  EXPECT_TRUE(same_bits(conv.weight(), before));
}

TEST(QatLayers, EvaluationChangesNothingOnceInitialised) {
  Rng rng(9);
  for (const char* const algorithm : {"arq_retrain", "ulq_retrain"}) {
    Conv2dQAT conv(kConv, text(R"({"retrain_weight_config": {"weights_retrain_algo": ")", algorithm, "\"}}"), rng);
    const Tensor x = random_tensor({2, 3, 6, 6}, rng);
    for (int i = 0; i < 2; ++i) {
      sum(conv(x)).backward();
      SGD(conv, {.lr = 0.01}).step();
    }
    conv.eval();
    const auto before = state_of(conv);
    const Tensor y = conv(x);
    EXPECT_TRUE(same_state(conv, before));
    EXPECT_TRUE(same_bits(conv(x), y));
    conv.train();
    EXPECT_TRUE(same_bits(conv(x), y)) << "evaluation quantizes as the next training forward does";
  }
}

TEST(QatLayers, EvaluationBeforeThereAreClipsIsAnErrorAndChangesNothing) {
  Rng rng(15);
  const Tensor x = random_tensor({2, 3, 6, 6}, rng);
  for (const char* const algorithm : {"arq_retrain", "ulq_retrain"}) {
    Conv2dQAT conv(
        kConv,
        text(R"({"retrain_data_config": {"batch_num": 2}, "retrain_weight_config": {"weights_retrain_algo": ")",
             algorithm, "\"}}"),
        rng);
    for (int seen = 0; seen < 2; ++seen) {
      conv.eval();
      const auto before = state_of(conv);
      EXPECT_EQ(error_text([&] { conv(x); }),
                "Conv2dQAT: evaluation needs clips, which have not been found yet: it must see training (or "
                "calibration) data first, 2 batches in training mode");
      EXPECT_TRUE(same_state(conv, before));
      conv.train();
      conv(x);
    }
    conv.eval();
    EXPECT_EQ(conv(x).shape(), (Shape{2, 4, 4, 4}));
  }
}

TEST(QatLayers, EvaluationSetsClipsWhereTheReferenceIsAskedFor) {
  Rng rng(16);
  Conv2dQAT conv(kConv, rng);
  conv.set_evaluation_sets_clips(true);
  conv.eval();
  const std::unique_ptr<Module> copy = conv.clone();
  for (Module* const module : {static_cast<Module*>(&conv), copy.get()}) {
    (*module)(random_tensor({2, 3, 6, 6}, rng));
    EXPECT_TRUE(dynamic_cast<QatModule&>(*module).activation_quantizer().initialised());
  }
}

TEST(QatLayers, TracesChangeNothing) {
  Rng rng(10);
  Net net("conv", std::make_unique<Conv2dQAT>(kConv, rng));
  const auto before = state_of(net);
  const Tensor x = random_tensor({1, 3, 5, 5}, rng);
  EXPECT_EQ(trace(net, x).nodes.size(), 2U) << "an activation without clips is not quantized";
  EXPECT_TRUE(same_state(net, before));
  net(x);
  const auto trained = state_of(net);
  const Graph graph = trace(net, x);
  ASSERT_EQ(graph.nodes.size(), 3U) << graph.to_string();
  EXPECT_EQ(graph.nodes[0].op, "ulq_activation");
  EXPECT_EQ(graph.nodes[1].op, "fake_quantize_weight");
  EXPECT_EQ(graph.nodes[2].op, "conv2d");
  EXPECT_EQ(graph.nodes[2].module, "conv");
  EXPECT_TRUE(same_state(net, trained));
}

TEST(QatLayers, ACheckpointHoldsAllState) {
  Rng rng(11);
  const std::string path = testing::TempDir() + "qat_layer.safetensors";
  const RetrainConfig config{.retrain_weight_config = {.weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain}};
  Conv2dQAT trained(kConv, config, rng), loaded(kConv, config, rng);
  const Tensor x = random_tensor({2, 3, 6, 6}, rng), other = random_tensor({2, 3, 6, 6}, rng);
  for (int i = 0; i < 3; ++i) {
    sum(trained(x)).backward();
    SGD(trained, {.lr = 0.01}).step();
  }
  save_weights(trained, path);
  load_weights(loaded, path);
  EXPECT_TRUE(same_bits(loaded(other), trained(other))) << "no search for clips starts again";
  EXPECT_TRUE(same_state(loaded, state_of(trained)));
}

TEST(QatLayers, ACloneContinuesTheSearchForClips) {
  Rng rng(12);
  Conv2dQAT conv(kConv, {.retrain_data_config = {.batch_num = 2}}, rng);
  const Tensor a = random_tensor({1, 3, 5, 5}, rng, 0.0F, 3.0F), b = random_tensor({1, 3, 5, 5}, rng);
  conv(a);
  const std::unique_ptr<Module> copy = conv.clone();
  conv(b);
  (*copy)(b);
  EXPECT_TRUE(same_state(*copy, state_of(conv)));
  EXPECT_TRUE(same_bits((*copy)(b), conv(b)));
}

TEST(QatLayers, ErrorsNameTheLayerAndWhereItIs) {
  Rng rng(13);
  Net net("conv1", std::make_unique<Conv2dQAT>(kConv, rng));
  Tensor x = Tensor::zeros({1, 3, 5, 5});
  x.mutable_values()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_text([&] { net(x); }), "conv1: Conv2dQAT: the input has values that are not finite (x [1, 3, 5, 5])");
  EXPECT_EQ(error_text([&] {
              net(Tensor::zeros({3, 5, 5}));
            }),
            "conv1: Conv2dQAT: the input must be [N, C, H, W] (x [3, 5, 5])");
  Tensor weight = net.parameters().front();
  weight.mutable_values()[0] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(error_text([&] {
              net(Tensor::zeros({1, 3, 5, 5}));
            }),
            "conv1: Conv2dQAT: the weight has values that are not finite (weight [4, 3, 3, 3])");
}

TEST(QatLayers, SameBitsOnAnyNumberOfThreads) {
  test::expect_same_bits_on_any_number_of_threads([] {
    Rng rng(14);
    Conv2dQAT conv({.in_channels = 8, .out_channels = 16, .kernel_size = 3, .padding = 1},
                   {.retrain_weight_config = {.weights_retrain_algo = WeightsRetrainAlgo::kUlqRetrain}}, rng);
    for (int i = 0; i < 3; ++i) {
      sum(relu(conv(random_tensor({8, 8, 40, 40}, rng)))).backward();
      SGD(conv, {.lr = 1e-5}).step();
    }
    return conv.parameters();
  });
}

}  // namespace
}  // namespace octet
