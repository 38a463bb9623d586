// SPDX-License-Identifier: Apache-2.0
// Runs a network for images of 3x32x32. Links octet::deploy alone: no tape, no layers, no quantizers.
#include <cstdio>
#include <exception>
#include <vector>

#include "octet/deploy/model.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s model.onnx\n", argc > 0 ? argv[0] : "run_onnx");
    return 2;
  }
  const auto model = octet::deploy::Model::load(argv[1]);
  const std::vector<float> image(3 * 32 * 32, 0.5F);  // channels first
  for (const float logit : model.run(image)) std::printf("%g\n", static_cast<double>(logit));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
