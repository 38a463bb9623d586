// SPDX-License-Identifier: Apache-2.0
// Times the evaluation of a converted ResNet: what a retraining run does after each epoch, and what a program does that
// looks at one image with the model it is training. Reads numbers of repetitions, answers with median milliseconds.
#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "octet/compat/simplified_config.h"
#include "octet/octet.h"

namespace {

octet::Tensor random_images(const octet::Shape& shape) {
  octet::Rng rng(1);
  octet::Tensor images = octet::Tensor::empty(shape);
  for (float& value : images.mutable_values()) value = rng.normal();
  return images;
}

double median_milliseconds(octet::Module& net, const octet::Tensor& images, int repetitions) {
  std::vector<double> milliseconds;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    net(images).values();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::nth_element(milliseconds, milliseconds.begin() + std::ssize(milliseconds) / 2);
  return milliseconds[milliseconds.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, octet::Shape> inputs{{"resnet20", {8, 3, 32, 32}}, {"resnet18", {2, 3, 224, 224}}};
  if (argc != 3 || !inputs.contains(argv[1])) {
    std::cerr << "usage: bench_qat_evaluation resnet20|resnet18 BATCH\n";
    return 2;
  }
  try {
    octet::Shape shape = inputs.at(argv[1]);
    octet::Rng rng(1);
    const auto net = octet::make_model(argv[1], {.in_channels = 3, .num_classes = 1000}, rng);
    const std::string config =
        octet::quant_retrain_config_text(*net, random_images(shape), octet::SimplifiedConfig()).json;
    const auto converted =
        octet::quant_retrain_model(config, "config", *net, random_images(shape), {.quantize_shortcuts = true}).module;
    const octet::NoGrad no_grad;
    converted->train();
    for (int i = 0; i < 2; ++i) (*converted)(random_images(shape));  // finds the clips
    converted->eval();
    shape[0] = std::stoll(argv[2]);
    const octet::Tensor images = random_images(shape);
    (*converted)(images);
    std::cout << "ready" << std::endl;
    for (int repetitions = 0; std::cin >> repetitions;)
      std::cout << median_milliseconds(*converted, images, repetitions) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "bench_qat_evaluation: " << error.what() << '\n';
    return 1;
  }
}
