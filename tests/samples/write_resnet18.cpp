// SPDX-License-Identifier: Apache-2.0
// Writes a ResNet-18 with random weights, for the sample that classifies an image.
#include "octet/nn/models.h"
#include "octet/nn/state.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;  // where to write
  octet::Rng rng(1);
  octet::save_weights(*octet::make_model("resnet18", {.in_channels = 3, .num_classes = 1000}, rng), argv[1]);
}
