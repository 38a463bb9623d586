// SPDX-License-Identifier: Apache-2.0
// Loads the ResNet-18 that tests/data/scripts/make_resnet18.py wrote with PyTorch and compares the logits of its two
// images with PyTorch's: bench_resnet18_logits DIR. Fails if they differ by more than 1e-4 of the largest.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/nn/models.h"
#include "octet/nn/state.h"

using namespace octet;

int main(int argc, char** argv) try {
  require(argc == 2, "usage: bench_resnet18_logits DIR");
  const std::string directory = argv[1];
  Rng rng(1);
  const auto net = make_model("resnet18", {.in_channels = 3, .num_classes = 1000}, rng);
  load_weights(*net, directory + "/resnet18.safetensors");
  net->eval();

  const Shape shape{2, 3, 224, 224};
  std::vector<float> images(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<float>((i * 7919 + 13) % 509) / 256.0F - 1.0F;
  const NoGrad no_grad;
  const std::vector<float> ours = (*net)(Tensor::from_nchw(shape, images)).to_vector();

  const auto expected = nlohmann::json::parse(std::ifstream(directory + "/resnet18_logits.json")).at("logits");
  const auto theirs = expected.at("values").get<std::vector<double>>();
  require(theirs.size() == ours.size(), "expected ", ours.size(), " logits, the file has ", theirs.size());
  double largest = 0.0, difference = 0.0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i]));
    difference = std::max(difference, std::abs(static_cast<double>(ours[i]) - theirs[i]));
  }
  std::printf("%zu logits, largest %.3f, largest difference from PyTorch %.1e (%.1e of the largest)\n", ours.size(),
              largest, difference, difference / largest);
  return difference <= 1e-4 * largest ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
