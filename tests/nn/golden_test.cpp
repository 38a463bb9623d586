// SPDX-License-Identifier: Apache-2.0
// A small ResNet against PyTorch: the same weights, logits and losses (tests/data/scripts/make_golden_training.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "octet/nn/state.h"
#include "support/golden_json.h"
#include "support/same_bits.h"

namespace octet {
namespace {

using test::load_golden;

const std::string kData = OCTET_TEST_DATA;

struct Golden {
  nlohmann::json json = load_golden("golden_training.json");
  Tensor images =
      Tensor::from_nchw(json["images"]["shape"].get<Shape>(), json["images"]["values"].get<std::vector<float>>());
  std::vector<std::int64_t> labels = json["labels"].get<std::vector<std::int64_t>>();
  std::unique_ptr<Module> net;

  Golden() {
    Rng rng(1);
    net = make_model("resnet8", {.in_channels = 1, .num_classes = 10}, rng);
    load_weights(*net, kData + "/resnet8_pytorch.safetensors");
  }

  std::vector<float> eval_logits() {
    const NoGrad no_grad;
    net->eval();
    std::vector<float> logits = (*net)(images).to_vector();
    net->train();
    return logits;
  }

  std::vector<float> ten_steps() {
    SGD sgd(*net,
            {.lr = json["lr"], .momentum = json["momentum"], .weight_decay = json["weight_decay"], .nesterov = true});
    std::vector<float> losses;
    for (int step = 0; step < 10; ++step) {
      const Tensor loss = cross_entropy((*net)(images), labels, {.label_smoothing = json["label_smoothing"]});
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      losses.push_back(loss.item());
    }
    return losses;
  }
};

// Each value against the largest of the true ones: logits near zero have no relative accuracy of their own.
void expect_logits(const std::vector<float>& ours, const nlohmann::json& theirs, double tolerance) {
  const auto expected = theirs["values"].get<std::vector<double>>();
  double largest = 0;
  for (double value : expected) largest = std::max(largest, std::abs(value));
  ASSERT_EQ(ours.size(), expected.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], expected[i], tolerance * largest) << "logit " << i;
}

TEST(Golden, LogitsOfPyTorchWeightsAreThoseOfPyTorch) {
  Golden golden;
  expect_logits(golden.eval_logits(), golden.json["eval_logits_before_f64"], 1e-5);
}

TEST(Golden, TenLossesAndTheNetworkAfterThemAreThoseOfPyTorch) {
  Golden golden;
  const std::vector<float> losses = golden.ten_steps();
  for (const char* key : {"losses", "losses_f64"}) {
    const auto expected = golden.json[key].get<std::vector<double>>();
    ASSERT_EQ(losses.size(), expected.size());
    for (std::size_t i = 0; i < losses.size(); ++i)
      EXPECT_NEAR(losses[i], expected[i], 1e-4 * expected[i]) << key << ", step " << i;
  }
  expect_logits(golden.eval_logits(), golden.json["eval_logits_after_f64"], 1e-4);
}

TEST(Golden, TrainingGivesTheSameBitsOnAnyNumberOfThreads) {
  test::expect_same_bits_on_any_number_of_threads([] {
    Golden golden;
    golden.ten_steps();
    return golden.net->parameters();
  });
}

}  // namespace
}  // namespace octet
