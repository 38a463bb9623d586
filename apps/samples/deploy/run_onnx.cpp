// SPDX-License-Identifier: Apache-2.0
// Runs a network for images of 3x32x32. Links octet::deploy alone: no tape, no layers, no quantizers.
#include <cstdio>
#include <vector>

#include "octet/deploy/model.h"

int main(int, char** argv) {
  const auto model = octet::deploy::Model::load(argv[1]);
  const std::vector<float> image(3 * 32 * 32, 0.5F);  // channels first
  for (const float logit : model.run(image)) std::printf("%g\n", static_cast<double>(logit));
}
