// SPDX-License-Identifier: Apache-2.0
// What float master weights gain. Octet's QAT layers keep the float weight and round a copy of it in each
// forward; the modules of Huawei's AMCT write the rounded weight back, so that a step of less than half a rounding step
// is lost. This retrains one network at several learning rates, as Octet does and with that overwriting emulated, and
// prints for each how many of the weights' integers moved at all, the loss over the last steps, and the test accuracy.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "octet/compat/simplified_config.h"
#include "octet/octet.h"
#include "octet/quant/weight_quantizer.h"

namespace {

using namespace octet;

constexpr int kFloatSteps = 400, kSteps = 300, kLastSteps = 100;

enum class Weights { kMaster, kOverwritten };

struct Outcome {
  double moved, loss, accuracy;
};

Transform normalized() { return {.normalize = {{0.286F}, {0.353F}}}; }

DataLoader training_data() {
  return {fashion_mnist(Split::kTrain), {.batch_size = 128, .shuffle = true, .seed = 1}, normalized()};
}

/// Returns the mean loss over the last steps. `after_step` may change the network.
template <typename AfterStep>
double train(Module& net, const SGD::Options& options, int steps, const AfterStep& after_step) {
  SGD sgd(net, options);
  DataLoader data = training_data();
  double sum = 0.0;
  int step = 0;
  for (const auto& [images, labels] : data) {
    const Tensor loss = cross_entropy(net(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    after_step();
    if (step >= steps - kLastSteps) sum += static_cast<double>(loss.item());
    if (++step == steps) break;
  }
  return sum / kLastSteps;
}

template <typename F>
void for_each_layer(Module& net, const F& f) {
  net.visit([&](const std::string&, Module& module) {
    if (const auto* const qat = dynamic_cast<const QatModule*>(&module)) f(*qat);
  });
}

/// How a layer's weight is rounded.
struct Rounding {
  ChannelView outputs;
  std::vector<float> scales;
  int bits;
};
Rounding rounding_of(const QatModule& qat) {
  const Tensor& weight = qat.weight();
  const auto& config = qat.config().retrain_weight_config;
  const ChannelView outputs{.groups = 1, .rows = 1, .channels = weight.dim(0), .run = weight.size() / weight.dim(0)};
  const int bits = bits_of(config.dst_type);
  return {outputs, arq_scales("weight", weight, outputs, config.channel_wise.value(), bits), bits};
}

/// What AMCT leaves in the weight of each layer after a forward.
void overwrite_weights(Module& net) {
  const NoGrad no_grad;
  for_each_layer(net, [](const QatModule& qat) {
    const Rounding rounding = rounding_of(qat);
    Tensor weight = qat.weight(), scales = Tensor::empty({std::ssize(rounding.scales)});
    std::ranges::copy(rounding.scales, scales.mutable_values().begin());
    const Tensor rounded =
        fake_quantize_weight("weight", weight, scales, rounding.outputs, rounding.bits, ScaleForm::kScale);
    std::ranges::copy(rounded.values(), weight.mutable_values().begin());
  });
}

std::vector<float> weight_integers(Module& net) {
  std::vector<float> all;
  for_each_layer(net, [&](const QatModule& qat) {
    const Rounding rounding = rounding_of(qat);
    const std::span<const float> weight = qat.weight().values();
    for (std::size_t i = 0; i < weight.size(); ++i) {
      const std::size_t output = i / static_cast<std::size_t>(rounding.outputs.run);
      all.push_back(std::rint(weight[i] / rounding.scales[rounding.scales.size() == 1 ? 0 : output]));
    }
  });
  return all;
}

Outcome retrain(const Module& start, double lr, Weights weights, const DataLoader& test) {
  const std::unique_ptr<Module> net = start.clone();
  const std::vector<float> before = weight_integers(*net);
  const double loss = train(*net, {.lr = lr, .momentum = 0.9}, kSteps, [&] {
    if (weights == Weights::kOverwritten) overwrite_weights(*net);
  });
  const std::vector<float> after = weight_integers(*net);
  double moved = 0.0;
  for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i];
  Observer quiet;
  return {moved / static_cast<double>(before.size()), loss, evaluate(*net, test, quiet)->accuracy};
}

}  // namespace

int main() {
  Rng rng(1);
  const auto net = make_model("resnet8", {.in_channels = 1, .num_classes = 10}, rng);
  // At a constant learning rate, so that something is left to be gained by smaller ones.
  const double float_loss = train(*net, {.lr = 0.1, .momentum = 0.9}, kFloatSteps, [] {});
  const DataLoader test(fashion_mnist(Split::kTest), {.batch_size = 250}, normalized());
  Observer quiet;
  std::printf("ResNet-8, Fashion-MNIST: %d float steps, loss %.4f, accuracy %.2f %%; then %d steps in 8 bits\n\n",
              kFloatSteps, float_loss, 100 * evaluate(*net, test, quiet)->accuracy, kSteps);

  const Tensor sample = Tensor::zeros({1, 1, 28, 28});
  const std::string config = quant_retrain_config_text(*net, sample, SimplifiedConfig()).json;
  const auto start = quant_retrain_model(config, "config", *net, sample).module;

  std::printf("%8s   %-29s   %-29s\n", "", "master weights", "overwritten weights");
  std::printf("%8s   %8s %8s %11s   %8s %8s %11s\n", "lr", "moved", "loss", "accuracy", "moved", "loss", "accuracy");
  for (const double lr : {1e-2, 1e-3, 1e-4, 1e-5}) {
    std::printf("%8.0e", lr);
    for (const Weights weights : {Weights::kMaster, Weights::kOverwritten}) {
      const Outcome outcome = retrain(*start, lr, weights, test);
      std::printf("   %6.1f %% %8.4f %9.2f %%", 100 * outcome.moved, outcome.loss, 100 * outcome.accuracy);
      std::fflush(stdout);
    }
    std::printf("\n");
  }
}
