// SPDX-License-Identifier: Apache-2.0
// exactness [NETWORKS [IMAGES]]: every quantized tensor and every output against the scalar oracle, which this program
// computes anew for each instruction set that scripts/exactness.sh runs it with:
//
//   random graphs      (1000)   in octet::deploy
//   random modules     (1000)   converted and saved: their evaluation, and the file in octet::deploy
//   ResNet-20          (10000 test images of Fashion-MNIST) retrained, with float and with quantized shortcuts:
//   likewise
//
// for 1 and 2 threads and batches of 1 and 32. Prints what was compared and how many values differed; fails if one did.
#include <algorithm>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/data/batch.h"
#include "octet/data/known_datasets.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/onednn/info.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "random_module.h"
#include "retrained_network.h"
#include "support/exactness.h"

namespace octet::test {
namespace {

constexpr std::int64_t kBatches[] = {1, 32};
constexpr int kThreads[] = {1, 2};

std::int64_t total_differences = 0;

void report(const std::string& what, const ExactnessCounts& counts) {
  std::cout << what << ": " << counts.tensors << " tensors, " << counts.values
            << " values, differences: " << counts.differences << std::endl;
  if (counts.differences > 0) std::cout << "  first: " << counts.first_difference << '\n';
  total_differences += counts.differences;
}

void compare_random_graphs(std::uint64_t count) {
  ExactnessCounts deployed;
  for (std::uint64_t seed = 1; seed <= count; ++seed)
    for (const int threads : kThreads)
      for (const std::int64_t batch : kBatches) {
        kernels::set_num_threads(threads);
        compare_random_network(seed, batch, deployed);
      }
  report(text(count, " random graphs, octet::deploy"), deployed);
}

// What evaluation and octet::deploy compute.
struct Counts {
  ExactnessCounts evaluated, deployed;
};

void report(const std::string& what, const Counts& counts) {
  report(what + ", evaluation", counts.evaluated);
  report(what + ", octet::deploy", counts.deployed);
}

void compare_forms(const std::string& name, const RetrainedNetwork& network, const DeployedNetwork& deployed,
                   const Observations& expected, const std::vector<float>& input, std::int64_t batch, Counts& counts) {
  for (const int threads : kThreads) {
    kernels::set_num_threads(threads);
    const std::string who = text(name, ", threads ", threads, ", batch ", batch);
    compare(who + ", evaluation", expected, network.evaluate(input, batch), counts.evaluated);
    compare(who + ", octet::deploy", expected, deployed.observe(input, batch), counts.deployed);
  }
}

// Each quantized tensor is the output of a network that ends there.
void compare_random_module(std::uint64_t seed, Counts& counts) {
  const RandomModule made = random_module(seed);
  const RetrainedNetwork network(*made.module, random_images(made.image, 4, seed), {.definition = made.definition},
                                 [seed](Module& module, const Tensor& sample) {
                                   const NoGrad no_grad;
                                   module(sample);
                                   disturb(module, seed);
                                 });
  std::vector<std::vector<int>> each;
  for (const int value : compared_values(network.graph(1))) each.push_back({value});
  const DeployedNetwork deployed(network.graph(1), each);
  for (const std::int64_t batch : kBatches) {
    const std::vector<float> input = random_images(made.image, batch, seed + 1).to_vector();
    const Observations expected = observe(Int8Oracle(network.graph(batch)), input);
    compare_forms(text("random module ", seed), network, deployed, expected, input, batch, counts);
  }
}

Batch images_of(const Dataset& data, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), first);
  return make_batch(data, indices, {.normalize = {.mean = {0.286F}, .stddev = {0.353F}}}, Rng(1));
}

void train(Module& net, const Dataset& data, double lr) {
  constexpr std::int64_t kSteps = 12, kBatch = 32;
  net.train();
  SGD sgd(net, {.lr = lr, .momentum = 0.9});
  for (std::int64_t i = 0; i < kSteps; ++i) {
    const Batch batch = images_of(data, i * kBatch, kBatch);
    const Tensor loss = cross_entropy(net(batch.images), batch.labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
}

// The model that shows its quantized tensors must make them as the one that is deployed does, by the same fused steps.
void require_same_steps(const deploy::Model& deployed, const deploy::Model& showing, const std::vector<float>& image) {
  const std::vector<deploy::LayerTime> shown = showing.profile(image, 1, 1);
  for (const deploy::LayerTime& step : deployed.profile(image, 1, 1))
    require(!step.operation.ends_with("quantize") ||
                std::ranges::any_of(shown,
                                    [&](const deploy::LayerTime& other) {
                                      return step.name == other.name && step.operation == other.operation &&
                                             step.implementation == other.implementation;
                                    }),
            step.name, ": no step \"", step.operation, "\" shows what it quantizes");
}

// One model computes the output, another all quantized tensors. No layer is left in float, so the oracle may see one
// image at a time and speak for all batches.
void compare_resnet20(bool quantize_shortcuts, std::int64_t images) {
  const auto training = fashion_mnist(Split::kTrain), data = fashion_mnist(Split::kTest);
  Rng rng(7);
  const auto net = make_model("resnet20", {.in_channels = 1, .num_classes = 10}, rng);
  train(*net, *training, 0.05);
  const RetrainedNetwork network(*net, images_of(*data, 0, 1).images, {.quantize_shortcuts = quantize_shortcuts},
                                 [&](Module& module, const Tensor&) { train(module, *training, 0.01); });
  const Int8Oracle oracle(network.graph(1));
  std::vector<int> tensors = compared_values(oracle.graph());
  const int output = tensors.back();
  tensors.pop_back();
  const DeployedNetwork deployed(oracle.graph(), {tensors, {output}});
  require_same_steps(deployed.models()[1], deployed.models()[0], images_of(*data, 0, 1).images.to_vector());
  Counts counts;
  const std::string name = text("ResNet-20, shortcuts ", quantize_shortcuts ? "quantized" : "in float");
  constexpr std::int64_t kChunk = 32;
  for (std::int64_t first = 0; first < images; first += kChunk) {
    const Tensor x = images_of(*data, first, std::min(kChunk, images - first)).images;
    const std::vector<float> input = x.to_vector();
    const Observations expected = observe(oracle, input);
    for (const std::int64_t batch : kBatches)
      compare_forms(text(name, ", images from ", first), network, deployed, expected, input, batch, counts);
  }
  report(text(name, ", ", images, " images"), counts);
}

int run(int argc, char** argv) {
  const std::uint64_t networks = argc > 1 ? std::stoull(argv[1]) : 1000;
  const std::int64_t images = argc > 2 ? std::stoll(argv[2]) : 10000;
  std::cout << "oneDNN " << kernels::onednn_version() << ", " << kernels::onednn_isa() << std::endl;
  compare_random_graphs(networks);
  Counts counts;
  for (std::uint64_t seed = 1; seed <= networks; ++seed) compare_random_module(seed, counts);
  report(text(networks, " random modules"), counts);
  for (const bool quantize_shortcuts : {false, true}) compare_resnet20(quantize_shortcuts, images);
  std::cout << "differences: " << total_differences << '\n';
  return total_differences == 0 ? 0 : 1;
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  try {
    return octet::test::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "exactness: " << error.what() << '\n';
    return 1;
  }
}
