// SPDX-License-Identifier: Apache-2.0
// Writes a ResNet-18 with random weights, for the sample that classifies an image.
#include "octet/nn/models.h"
#include "octet/nn/state.h"

int main(int, char** argv) {
  octet::Rng rng(1);
  octet::save_weights(*octet::make_model("resnet18", {.in_channels = 3, .num_classes = 1000}, rng), argv[1]);
}
