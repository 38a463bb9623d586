// SPDX-License-Identifier: Apache-2.0
// The stranger's program of tests/package: fits a tiny network to two images, and fails if its loss does not fall.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "octet/octet.h"

int main() {
  octet::Rng rng(1);
  octet::Sequential net;
  net.append<octet::Conv2d>({.in_channels = 1, .out_channels = 8, .kernel_size = 3}, rng)
      .append<octet::ReLU>()
      .append<octet::Flatten>()
      .append<octet::Linear>({.in_features = 8 * 6 * 6, .out_features = 2}, rng);
  octet::SGD sgd(net, {.lr = 0.1});

  std::vector<float> pixels(2 * 8 * 8);
  for (float& pixel : pixels) pixel = rng.normal();
  const octet::Tensor images = octet::Tensor::from_nchw({2, 1, 8, 8}, pixels);
  const std::vector<std::int64_t> labels = {0, 1};

  float first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    const octet::Tensor loss = octet::cross_entropy(net(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    (step == 0 ? first : last) = loss.item();
  }
  std::printf("loss %.3f -> %.3f\n", static_cast<double>(first), static_cast<double>(last));
  return last < first / 2 ? 0 : 1;
}
